import { CirclePlay, LogOut, Pencil, RefreshCw, Trash2 } from "lucide-react";
import * as React from "react";
import { Link } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Sheet, SheetContent, SheetDescription, SheetHeader, SheetTitle } from "@/components/ui/sheet";
import { Skeleton } from "@/components/ui/skeleton";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { ErrorState } from "@/components/utils/ErrorState";
import { Facts } from "@/components/utils/Facts";
import { NodeChecks } from "@/components/utils/fleet/NodeChecks";
import { nodeAddress } from "@/components/utils/fleet/node-text";
import { NodeForm } from "@/components/utils/forms/NodeForm";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { StaleAlert, whyGone } from "@/components/utils/StaleAlert";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useTab } from "@/hooks/useTab";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { bytes, percent } from "@/lib/format";
import { sentence } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { nodeLook } from "@/lib/status";
import { texts as common } from "@/lib/texts/common";
import { texts as terms } from "@/lib/texts/facts";
import { texts as all } from "@/lib/texts/fleet";
import { TimelineTab, UsageTab } from "./History";
import { useNode, useNodeActions } from "./service";

const t = all.nodes;
const TABS = ["details", "usage", "timeline"] as const;
/** What stands in the address for the panel alone. */
export const PANEL_PARAMS = ["tab", "range"];

/** A node beside the list, so that the overview stays. */
export function NodePanel({ nodeId, onClose }: { nodeId: string | null; onClose: () => void }) {
  const node = useNode(nodeId);
  return (
    <Sheet open={nodeId !== null} onOpenChange={(open) => (open ? undefined : onClose())}>
      <SheetContent>
        {node.data ? (
          <PanelBody
            key={node.data.uid}
            node={node.data}
            gone={whyGone(node)}
            stale={<StaleAlert source={node} />}
            onClose={onClose}
          />
        ) : (
          <>
            <SheetHeader>
              <SheetTitle>{t.title}</SheetTitle>
              <SheetDescription className="sr-only">{t.description}</SheetDescription>
            </SheetHeader>
            <div className="grid gap-3 p-5">
              {node.isError ? (
                <ErrorState error={node.error} onRetry={() => node.refetch()} />
              ) : (
                <Skeleton className="h-40" />
              )}
            </div>
          </>
        )}
      </SheetContent>
    </Sheet>
  );
}

type PanelBodyProps = {
  node: NodeView;
  /** Why nothing can be done with it any more. */
  gone: string | null;
  stale: React.ReactNode;
  onClose: () => void;
};

function PanelBody({ node, gone, stale, onClose }: PanelBodyProps) {
  const org = useOrg();
  const [editing, setEditing] = React.useState(false);
  const [tab, setTab] = useTab(TABS);
  const { confirmation, ask, close } = useConfirmation();
  const { update, resume, check, remove, drain } = useNodeActions();
  const path = { org_id: org.orgId, node_id: node.uid };
  const { facts } = node;

  return (
    <>
      <SheetHeader>
        <SheetTitle className="flex flex-wrap items-center gap-3">
          <span className="min-w-0 break-all">{node.name}</span>
          <StatusBadge
            look={nodeLook(node.status, Boolean(node.last_checked_at), node.is_active)}
            detail={node.status_reason}
          />
        </SheetTitle>
        <SheetDescription>
          {t.types[node.type]} · <span className="font-mono text-xs">{nodeAddress(node)}</span>
        </SheetDescription>
      </SheetHeader>
      {editing ? (
        <div className="p-5">
          <NodeForm
            node={node}
            submit={common.save}
            onCancel={() => setEditing(false)}
            onSubmit={async (body) => {
              await update.mutateAsync({ path, body });
              setEditing(false);
            }}
          />
        </div>
      ) : (
        <div className="grid gap-6 p-5">
          {stale}
          <div className="flex flex-wrap gap-2">
            <GuardedButton
              variant="outline"
              size="sm"
              reason={gone ?? org.whyNot("update_node")}
              onClick={() => check.mutate({ path })}
            >
              <RefreshCw />
              {t.check}
            </GuardedButton>
            <GuardedButton
              variant="outline"
              size="sm"
              reason={gone ?? org.whyNot("update_node")}
              onClick={() => setEditing(true)}
            >
              <Pencil />
              {t.edit}
            </GuardedButton>
            {node.is_active ? (
              <GuardedButton
                variant="outline"
                size="sm"
                reason={gone ?? org.whyNot("update_node") ?? org.whyNot("delete_instance")}
                onClick={() =>
                  ask({
                    title: t.drain.title(node.name),
                    description: t.drain.body,
                    action: t.drain.action,
                    destructive: true,
                    run: () => drain.mutateAsync(node),
                  })
                }
              >
                <LogOut />
                {t.drain.action}
              </GuardedButton>
            ) : (
              <GuardedButton
                variant="outline"
                size="sm"
                reason={gone ?? org.whyNot("update_node")}
                onClick={() => resume.mutate({ path, body: { is_active: true } })}
              >
                <CirclePlay />
                {t.resume}
              </GuardedButton>
            )}
            <GuardedButton
              variant="outline"
              size="sm"
              className="ml-auto text-destructive"
              reason={gone ?? org.whyNot("delete_node")}
              onClick={() =>
                ask({
                  title: t.removeTitle(node.name),
                  description: t.removeBody,
                  action: t.remove,
                  typeToConfirm: node.name,
                  destructive: true,
                  run: async () => {
                    await remove.mutateAsync({ path });
                    onClose();
                  },
                })
              }
            >
              <Trash2 />
              {t.remove}
            </GuardedButton>
          </div>
          {node.is_active ? null : <Alert tone="warn">{sentence(t.paused)}</Alert>}
          {node.status === "inactive" && node.status_reason ? (
            <Alert tone="bad">{sentence(node.status_reason)}</Alert>
          ) : null}
          <Tabs value={tab} onValueChange={setTab}>
            <TabsList aria-label={node.name}>
              {TABS.map((each) => (
                <TabsTrigger key={each} value={each}>
                  {t.tabs[each]}
                </TabsTrigger>
              ))}
            </TabsList>
            <TabsContent value="details" className="grid gap-6">
              <section className="grid gap-3">
                <h3 className="flex items-baseline justify-between text-[0.8125rem] font-semibold">
                  {t.checks}
                  <span className="text-xs font-normal text-muted-foreground">
                    <TimeAgo at={node.last_checked_at} />
                  </span>
                </h3>
                <NodeChecks checks={node.checks} />
              </section>
              <section className="grid gap-3">
                <h3 className="text-[0.8125rem] font-semibold">{t.facts}</h3>
                <Facts
                  facts={[
                    {
                      term: terms.inUseTerm,
                      value: (
                        <span className="flex flex-wrap gap-x-3">
                          {terms.used(node.instances_in_use, node.capacity)}
                          <Link
                            to={`${routes.instances(org.orgId)}?node=${node.uid}`}
                            className="rounded-sm text-primary hover:underline"
                          >
                            {t.showInstances}
                          </Link>
                        </span>
                      ),
                    },
                    { term: terms.docker, value: facts?.engine_version },
                    { term: terms.api, value: facts?.api_version },
                    { term: terms.system, value: facts?.os },
                    { term: terms.architecture, value: facts?.arch },
                    { term: terms.cpus, value: facts?.cpus },
                    {
                      term: terms.memory,
                      value: facts?.memory_bytes === undefined ? undefined : bytes(Number(facts.memory_bytes)),
                    },
                    { term: terms.cgroup, value: facts?.cgroup },
                    { term: terms.storage, value: facts?.storage_driver },
                    ...(facts?.host_cpu_usage === undefined
                      ? []
                      : [{ term: terms.hostCpu, value: percent(facts.host_cpu_usage) }]),
                    ...(facts?.host_memory_usage === undefined
                      ? []
                      : [{ term: terms.hostMemory, value: percent(facts.host_memory_usage) }]),
                    ...(facts?.host_disk_usage === undefined
                      ? []
                      : [{ term: terms.hostDisk, value: percent(facts.host_disk_usage) }]),
                    { term: terms.added, value: <TimeAgo at={node.created_at} /> },
                  ]}
                />
              </section>
            </TabsContent>
            <TabsContent value="usage">
              <UsageTab nodeId={node.uid} />
            </TabsContent>
            <TabsContent value="timeline">
              <TimelineTab nodeId={node.uid} />
            </TabsContent>
          </Tabs>
        </div>
      )}
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </>
  );
}
