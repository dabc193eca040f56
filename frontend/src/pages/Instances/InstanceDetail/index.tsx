import type * as React from "react";
import { Link, useParams } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Breadcrumb } from "@/components/ui/breadcrumb";
import { Button } from "@/components/ui/button";
import { Card, CardContent } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { ErrorState } from "@/components/utils/ErrorState";
import { INSTANCE_ACTIONS, INSTANCE_ICONS, useInstanceActions } from "@/components/utils/fleet/instance-actions";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { PageHeader } from "@/components/utils/PageHeader";
import { StaleAlert, whyGone } from "@/components/utils/StaleAlert";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useTab } from "@/hooks/useTab";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { isMissing, sentence } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { instanceLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/fleet";
import { InspectTab } from "./InspectTab";
import { LogsTab } from "./LogsTab";
import { reasonLook } from "./reason";
import { type InstancePath, useInstance, useSurroundings } from "./service";
import { TimelineTab } from "./TimelineTab";
import { UsageTab } from "./UsageTab";

const t = all.instances;
const TABS = ["usage", "timeline", "logs", "inspect"] as const;

export function InstanceDetailPage() {
  const org = useOrg();
  const { runnerId = "", instanceId = "" } = useParams();
  const path = { org_id: org.orgId, runner_id: runnerId, instance_id: instanceId };
  const instance = useInstance(path);
  if (instance.isError && !instance.data)
    return (
      <ErrorState
        isPage
        error={instance.error}
        onRetry={() => instance.refetch()}
        action={isMissing(instance.error) ? <ToInstances /> : null}
      />
    );
  if (!instance.data) return <Skeleton className="h-80" />;
  return (
    <Detail instance={instance.data} path={path} gone={whyGone(instance)} stale={<StaleAlert source={instance} />} />
  );
}

function ToInstances() {
  const { orgId } = useOrg();
  return (
    <Button asChild variant="outline" size="sm">
      <Link to={routes.instances(orgId)}>{t.all}</Link>
    </Button>
  );
}

type DetailProps = {
  instance: InstanceView;
  path: InstancePath;
  /** Why nothing can be done with it any more. */
  gone: string | null;
  stale: React.ReactNode;
};

function Detail({ instance, path, gone, stale }: DetailProps) {
  const org = useOrg();
  const [tab, setTab] = useTab(TABS);
  const { runnerName, nodeName } = useSurroundings(instance);
  const { confirmation, ask, close } = useConfirmation();
  const actions = useInstanceActions(ask);
  const look = instanceLook(gone ? "removed" : instance.state, instance.status);

  return (
    <div className="grid gap-5">
      <Breadcrumb
        crumbs={[
          { label: all.runners.title, to: routes.runners(org.orgId) },
          { label: runnerName, to: routes.runner(org.orgId, instance.runner_id) },
          { label: instance.name },
        ]}
      />
      <div>
        <PageHeader
          title={instance.name}
          badge={<StatusBadge look={look} />}
          description={
            <span className="flex flex-wrap gap-x-4 gap-y-1">
              <span>
                {t.on}{" "}
                <Link
                  to={`${routes.nodes(org.orgId)}?node=${instance.node_id}`}
                  className="rounded-sm text-foreground hover:underline"
                >
                  {nodeName}
                </Link>
              </span>
              <span>
                {t.since(gone === null && instance.state === "running" ? t.running : look.word)}{" "}
                <TimeAgo at={instance.state_changed_at} />
              </span>
              <span>
                {t.lastHeartbeat} <TimeAgo at={instance.last_heartbeat} />
              </span>
            </span>
          }
          actions={INSTANCE_ACTIONS.map((action) => {
            const Icon = INSTANCE_ICONS[action];
            return (
              <GuardedButton
                key={action}
                variant="outline"
                className={action === "remove" ? "text-destructive" : undefined}
                reason={gone ?? actions.reason(action, instance)}
                onClick={() => actions.start(action, instance)}
              >
                <Icon />
                {t[action]}
              </GuardedButton>
            );
          })}
        />
        <div aria-live="polite" className="[&>*]:mt-5">
          {stale}
          {instance.state_reason ? (
            <Alert {...reasonLook(instance.state, look.word)}>{sentence(instance.state_reason)}</Alert>
          ) : null}
        </div>
      </div>
      <Tabs value={tab} onValueChange={setTab}>
        <TabsList aria-label={instance.name}>
          {TABS.map((each) => (
            <TabsTrigger key={each} value={each}>
              {t.tabs[each]}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value="usage">
          <UsageTab path={path} />
        </TabsContent>
        <TabsContent value="timeline">
          <Card>
            <CardContent>
              <TimelineTab path={path} />
            </CardContent>
          </Card>
        </TabsContent>
        <TabsContent value="logs">
          <LogsTab path={path} instance={instance} />
        </TabsContent>
        <TabsContent value="inspect">
          <InspectTab instance={instance} />
        </TabsContent>
      </Tabs>
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </div>
  );
}
