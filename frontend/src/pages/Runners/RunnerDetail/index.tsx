import { Copy, Pencil, Plus, Trash2 } from "lucide-react";
import * as React from "react";
import { Link, useNavigate, useParams } from "react-router";
import { Breadcrumb } from "@/components/ui/breadcrumb";
import { Button } from "@/components/ui/button";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { CopyBlock } from "@/components/utils/CopyButton";
import { ErrorState } from "@/components/utils/ErrorState";
import { Facts, Labels } from "@/components/utils/Facts";
import { InstanceTable } from "@/components/utils/fleet/InstanceTable";
import { instanceFilters } from "@/components/utils/fleet/instance-filters";
import { RunnerForm } from "@/components/utils/forms/RunnerForm";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { PageHeader } from "@/components/utils/PageHeader";
import { Panel } from "@/components/utils/Panel";
import { StaleAlert, whyGone } from "@/components/utils/StaleAlert";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import { useSandboxUrl } from "@/hooks/useSandboxUrl";
import { useTab } from "@/hooks/useTab";
import type { RunnerView } from "@/lib/api/generated/types.gen";
import { mebibytes } from "@/lib/format";
import { isMissing } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { runsOn } from "@/lib/snippet";
import { runnerLook } from "@/lib/status";
import { texts as common } from "@/lib/texts/common";
import { texts as terms } from "@/lib/texts/facts";
import { texts as all } from "@/lib/texts/fleet";
import { CloneDialog } from "./CloneDialog";
import { TimelineTab, UsageTab } from "./History";
import { SampleJob } from "./SampleJob";
import { useInstances, useNeighbours, useRunner, useRunnerActions } from "./service";

const t = all.runners;
const TABS = ["instances", "usage", "timeline"] as const;
/** What the list of instances would take for a filter of its own. */
const OF_OTHER_TABS = ["range"];

export function RunnerDetailPage() {
  const { runnerId = "" } = useParams();
  const runner = useRunner(runnerId);
  if (runner.isError && !runner.data)
    return (
      <ErrorState
        isPage
        error={runner.error}
        onRetry={() => runner.refetch()}
        action={isMissing(runner.error) ? <ToRunners /> : null}
      />
    );
  if (!runner.data) return <Skeleton className="h-80" />;
  return (
    <Detail key={runner.data.uid} runner={runner.data} gone={whyGone(runner)} stale={<StaleAlert source={runner} />} />
  );
}

function ToRunners() {
  const { orgId } = useOrg();
  return (
    <Button asChild variant="outline" size="sm">
      <Link to={routes.runners(orgId)}>{t.all}</Link>
    </Button>
  );
}

type DetailProps = {
  runner: RunnerView;
  /** Why nothing can be done with it any more. */
  gone: string | null;
  stale: React.ReactNode;
};

function Detail({ runner, gone, stale }: DetailProps) {
  const org = useOrg();
  const navigate = useNavigate();
  const controls = useListState();
  const [tab, setTab] = useTab(TABS, OF_OTHER_TABS);
  const [panel, setPanel] = React.useState<"edit" | "clone" | null>(null);
  const { nodes, credentials, choices } = useNeighbours();
  const { update, remove, createInstance } = useRunnerActions();
  const sandboxUrl = useSandboxUrl();
  const credential = credentials.find((each) => each.uid === runner.credential_id);
  const { confirmation, ask, close } = useConfirmation();
  const instances = useInstances(runner.uid, { ...controls.query, ...instanceFilters(controls.params) });
  const path = { org_id: org.orgId, runner_id: runner.uid };
  const isFull = runner.instances_in_use >= runner.max_instances;

  const newInstance = (
    <GuardedButton
      className="max-sm:order-first"
      reason={gone ?? org.whyNot("create_instance") ?? (isFull ? t.full(runner.max_instances) : null)}
      onClick={() => createInstance.mutate({ path, body: {} })}
    >
      <Plus />
      {t.newInstance}
    </GuardedButton>
  );

  return (
    <div className="grid gap-5">
      <Breadcrumb crumbs={[{ label: t.title, to: routes.runners(org.orgId) }, { label: runner.name }]} />
      <PageHeader
        title={runner.name}
        badge={<StatusBadge look={runnerLook(runner)} />}
        description={
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span className="font-mono text-xs">{runner.github_repo}</span>
            <Labels labels={runner.labels} most={8} />
          </span>
        }
        actions={
          <>
            <GuardedButton
              variant="outline"
              reason={gone ?? org.whyNot("update_runner")}
              onClick={() => setPanel("edit")}
            >
              <Pencil />
              {t.edit}
            </GuardedButton>
            <GuardedButton
              variant="outline"
              reason={gone ?? org.whyNot("create_runner")}
              onClick={() => setPanel("clone")}
            >
              <Copy />
              {t.clone}
            </GuardedButton>
            <GuardedButton
              variant="outline"
              className="text-destructive"
              reason={gone ?? org.whyNot("delete_runner")}
              onClick={() =>
                ask({
                  title: t.removeTitle(runner.name),
                  description: t.removeBody,
                  action: t.remove,
                  typeToConfirm: runner.name,
                  destructive: true,
                  run: async () => {
                    await remove.mutateAsync({ path });
                    await navigate(routes.runners(org.orgId));
                  },
                })
              }
            >
              <Trash2 />
              {t.remove}
            </GuardedButton>
            {newInstance}
          </>
        }
      />
      {stale}
      <div className="grid items-start gap-5 2xl:grid-cols-[minmax(0,1fr)_22rem]">
        <Tabs value={tab} onValueChange={setTab}>
          <TabsList aria-label={runner.name}>
            {TABS.map((each) => (
              <TabsTrigger key={each} value={each}>
                {t.tabs[each]}
              </TabsTrigger>
            ))}
          </TabsList>
          <TabsContent value="instances">
            <InstanceTable
              source={instances}
              controls={controls}
              empty={{ ...all.instances.empty, action: newInstance }}
            />
          </TabsContent>
          <TabsContent value="usage">
            <UsageTab runnerId={runner.uid} />
          </TabsContent>
          <TabsContent value="timeline">
            <TimelineTab runnerId={runner.uid} />
          </TabsContent>
        </Tabs>
        <div className="grid gap-5 max-2xl:sm:grid-cols-2">
          <Card>
            <CardHeader>
              <CardTitle>{t.recipe}</CardTitle>
            </CardHeader>
            <CardContent>
              <Facts
                facts={[
                  {
                    term: terms.image,
                    value: <span className="font-mono text-xs break-all">{runner.docker_image}</span>,
                  },
                  {
                    term: terms.instances,
                    value: terms.inUse(runner.instances_in_use, runner.max_instances, runner.min_idle),
                  },
                  {
                    term: terms.size,
                    value: terms.sizeOf(
                      runner.resources.cpus,
                      mebibytes(runner.resources.memory_mb),
                      runner.resources.pids,
                    ),
                  },
                  { term: terms.network, value: runner.resources.network },
                  { term: terms.lifetime, value: runner.ephemeral ? t.oneJob : t.manyJobs },
                  {
                    term: terms.registers,
                    value: runner.credential_id
                      ? terms.withCredential(credential?.name)
                      : terms.withToken(runner.github_runner_token ?? ""),
                  },
                  {
                    term: terms.nodes,
                    value:
                      runner.node_selection.node_ids.length === 0
                        ? terms.anyNode
                        : runner.node_selection.node_ids
                            .map((id) => nodes.find((node) => node.uid === id)?.name ?? id)
                            .join(", "),
                  },
                  { term: terms.changed, value: <TimeAgo at={runner.updated_at} /> },
                ]}
              />
            </CardContent>
          </Card>
          <Card>
            <CardHeader>
              <CardTitle>{t.snippet}</CardTitle>
            </CardHeader>
            <CardContent className="grid gap-2">
              <p className="text-xs text-muted-foreground">{t.snippetHint}</p>
              <CopyBlock text={runsOn(runner.labels)} label="runs-on snippet" />
              <SampleJob runnerId={runner.uid} credential={credential} gone={gone} />
            </CardContent>
          </Card>
        </div>
      </div>
      <Panel open={panel === "edit"} onClose={() => setPanel(null)} title={t.edit} description={runner.name}>
        {choices.data ? (
          <RunnerForm
            runner={runner}
            {...choices.data}
            hostNetworkReason={org.whyNotAdmin}
            sandboxUrl={sandboxUrl}
            submit={common.save}
            onCancel={() => setPanel(null)}
            onSubmit={async (body) => {
              await update.mutateAsync({ path, body });
              setPanel(null);
            }}
          />
        ) : choices.error ? (
          <ErrorState error={choices.error} onRetry={choices.refetch} />
        ) : (
          <Skeleton className="h-80" />
        )}
      </Panel>
      <CloneDialog runner={runner} open={panel === "clone"} onClose={() => setPanel(null)} />
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </div>
  );
}
