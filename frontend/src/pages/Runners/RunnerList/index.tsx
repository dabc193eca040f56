import { Plus, SquareStack, Trash2 } from "lucide-react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { Empty } from "@/components/ui/empty";
import { Skeleton } from "@/components/ui/skeleton";
import { type Column, DataTable } from "@/components/utils/DataTable";
import { ErrorState } from "@/components/utils/ErrorState";
import { Labels } from "@/components/utils/Facts";
import { Forbidden } from "@/components/utils/Forbidden";
import { RunnerForm } from "@/components/utils/forms/RunnerForm";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { FilterSelect } from "@/components/utils/ListToolbar";
import { PageHeader } from "@/components/utils/PageHeader";
import { Panel } from "@/components/utils/Panel";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import { useOpenParam } from "@/hooks/useOpenParam";
import { useSandboxUrl } from "@/hooks/useSandboxUrl";
import type { RunnerView } from "@/lib/api/generated/types.gen";
import { mebibytes } from "@/lib/format";
import { routes } from "@/lib/routes";
import { runnerLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/fleet";
import { texts as forms } from "@/lib/texts/forms";
import { removeRunner, useCreateRunner, useRunnerChoices, useRunners } from "./service";

const t = all.runners;
/** The api knows of a runner whether it runs a job; how its instances fare stands in the rows. */
const STATUSES = [
  { value: "busy", label: t.jobs.busy },
  { value: "idle", label: t.jobs.idle },
] as const;

function columnsOf(orgId: string): Column<RunnerView>[] {
  return [
    {
      id: "name",
      header: t.columns.name,
      sortKey: "name",
      fixed: true,
      cell: (runner) => (
        <Link
          to={routes.runner(orgId, runner.uid)}
          className="block max-w-56 truncate rounded-sm font-medium hover:text-primary hover:underline"
        >
          {runner.name}
        </Link>
      ),
    },
    {
      id: "status",
      header: t.columns.status,
      sortKey: "status",
      cell: (runner) => <StatusBadge look={runnerLook(runner)} />,
    },
    {
      id: "instances",
      header: t.columns.instances,
      cell: (runner) => `${runner.instances_in_use} / ${runner.max_instances}`,
    },
    {
      id: "repo",
      header: t.columns.repo,
      sortKey: "github_repo",
      priority: "mid",
      cell: (runner) => <span className="block max-w-56 truncate font-mono text-xs">{runner.github_repo}</span>,
    },
    {
      id: "labels",
      header: t.columns.labels,
      priority: "mid",
      cell: (runner) => <Labels labels={runner.labels} most={2} wrap={false} />,
    },
    {
      id: "image",
      header: t.columns.image,
      priority: "low",
      cell: (runner) => <span className="block max-w-64 truncate font-mono text-xs">{runner.docker_image}</span>,
    },
    {
      id: "size",
      header: t.columns.size,
      priority: "low",
      cell: (runner) => `${runner.resources.cpus} CPU · ${mebibytes(runner.resources.memory_mb)}`,
    },
    {
      id: "updated",
      header: t.columns.updated,
      sortKey: "updated_at",
      priority: "low",
      cell: (runner) => <TimeAgo at={runner.updated_at} />,
    },
  ];
}

export function RunnerListPage() {
  const org = useOrg();
  const navigate = useNavigate();
  const controls = useListState();
  const [creating, setCreating] = useOpenParam("create");
  const [params] = useSearchParams();
  const status = STATUSES.find((each) => each.value === params.get("status"))?.value;
  const runners = useRunners({ ...controls.query, ...(status ? { status } : {}) });
  const mayNotCreate = org.whyNot("create_runner");
  const choices = useRunnerChoices(creating !== null && mayNotCreate === null);
  const create = useCreateRunner();
  const sandboxUrl = useSandboxUrl();
  const createButton = (
    <GuardedButton reason={mayNotCreate} onClick={() => setCreating("1")}>
      <Plus />
      {t.create}
    </GuardedButton>
  );

  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description} actions={createButton} />
      <DataTable
        name={t.title}
        columns={columnsOf(org.orgId)}
        source={runners}
        controls={controls}
        rowKey={(runner) => runner.uid}
        rowLabel={(runner) => runner.name}
        otherParams={["create"]}
        filters={<FilterSelect label={t.jobs.label} param="status" controls={controls} options={STATUSES} />}
        bulkActions={[
          {
            id: "remove",
            label: t.remove,
            icon: Trash2,
            destructive: true,
            typeToConfirm: true,
            title: t.removeMany,
            description: t.removeBody,
            forbidden: org.whyNot("delete_runner"),
            run: (runner) => removeRunner(runner),
          },
        ]}
        empty={
          <Empty icon={<SquareStack />} title={t.empty.title} description={t.empty.description}>
            {createButton}
          </Empty>
        }
      />
      <Panel open={creating !== null} onClose={() => setCreating(null)} title={t.create} description={t.one}>
        {mayNotCreate ? (
          <Forbidden reason={mayNotCreate} />
        ) : choices.data ? (
          <RunnerForm
            {...choices.data}
            hostNetworkReason={org.whyNotAdmin}
            sandboxUrl={sandboxUrl}
            noCredential={
              <>
                {forms.runner.credential.missing}{" "}
                <Link to={routes.credentials(org.orgId)} className="rounded-sm text-primary underline">
                  {forms.runner.credential.add}
                </Link>
              </>
            }
            submit={forms.runner.create}
            onCancel={() => setCreating(null)}
            onSubmit={async (body) => {
              const runner = await create.mutateAsync({ path: { org_id: org.orgId }, body });
              await navigate(routes.runner(org.orgId, runner.uid));
            }}
          />
        ) : choices.error ? (
          <ErrorState error={choices.error} onRetry={choices.refetch} />
        ) : (
          <Skeleton className="h-80" />
        )}
      </Panel>
    </div>
  );
}
