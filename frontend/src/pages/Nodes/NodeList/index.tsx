import { CirclePause, CirclePlay, LogOut, Plus, RefreshCw, Server, Trash2 } from "lucide-react";
import { useSearchParams } from "react-router";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/empty";
import { Progress } from "@/components/ui/progress";
import { type Column, DataTable } from "@/components/utils/DataTable";
import { Forbidden } from "@/components/utils/Forbidden";
import { nodeAddress } from "@/components/utils/fleet/node-text";
import { NodeForm } from "@/components/utils/forms/NodeForm";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { FilterSelect } from "@/components/utils/ListToolbar";
import { PageHeader } from "@/components/utils/PageHeader";
import { Panel } from "@/components/utils/Panel";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import { useOpenParam } from "@/hooks/useOpenParam";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { percent } from "@/lib/format";
import { nodeLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/fleet";
import { texts as forms } from "@/lib/texts/forms";
import { NodePanel, PANEL_PARAMS } from "./NodePanel";
import { drainNode, manyNodes, useNodeActions, useNodes } from "./service";

const t = all.nodes;
const STATUSES = [
  { value: "active", label: nodeLook("active", true).word },
  { value: "inactive", label: nodeLook("inactive", true).word },
] as const;
const TYPES = ["socket", "local", "remote"] as const;

export function NodeListPage() {
  const org = useOrg();
  const controls = useListState();
  const [openNode, setOpenNode] = useOpenParam("node", PANEL_PARAMS);
  const [creating, setCreating] = useOpenParam("create");
  const [params] = useSearchParams();
  const status = STATUSES.find((each) => each.value === params.get("status"))?.value;
  const type = TYPES.find((each) => each === params.get("type"));
  const nodes = useNodes({ ...controls.query, ...(status ? { status } : {}), ...(type ? { type } : {}) });
  const { create } = useNodeActions();
  const mayNotCreate = org.whyNot("create_node");
  const addButton = (
    <GuardedButton reason={mayNotCreate} onClick={() => setCreating("1")}>
      <Plus />
      {t.add}
    </GuardedButton>
  );

  const columns: Column<NodeView>[] = [
    {
      id: "name",
      header: t.columns.name,
      sortKey: "name",
      fixed: true,
      cell: (node) => (
        <Button
          variant="link"
          className="h-auto max-w-56 justify-start truncate px-0 text-foreground"
          onClick={() => setOpenNode(node.uid)}
        >
          {node.name}
        </Button>
      ),
    },
    {
      id: "status",
      header: t.columns.status,
      sortKey: "status",
      cell: (node) => (
        <span className="inline-flex items-center gap-2">
          <StatusBadge
            look={nodeLook(node.status, Boolean(node.last_checked_at), node.is_active)}
            detail={node.status_reason}
          />
          {node.is_active || node.status === "active" ? null : (
            <span className="text-xs text-muted-foreground">{t.paused}</span>
          )}
        </span>
      ),
    },
    {
      id: "type",
      header: t.columns.type,
      sortKey: "type",
      priority: "mid",
      cell: (node) => t.types[node.type] ?? node.type,
    },
    {
      id: "address",
      header: t.columns.address,
      priority: "mid",
      cell: (node) => <span className="block max-w-64 truncate font-mono text-xs">{nodeAddress(node)}</span>,
    },
    {
      id: "room",
      header: t.columns.room,
      sortKey: "capacity",
      cell: (node) => (
        <span className="flex items-center gap-2.5">
          <Progress
            className="w-16 max-sm:hidden"
            value={node.instances_in_use}
            max={Math.max(1, node.capacity)}
            tone={node.instances_in_use >= node.capacity ? "warn" : "primary"}
            label={t.inUse(node.name, node.instances_in_use, node.capacity)}
          />
          {node.instances_in_use} / {node.capacity}
        </span>
      ),
    },
    {
      id: "engine",
      header: t.columns.engine,
      priority: "low",
      cell: (node) => node.facts?.engine_version ?? <span className="text-muted-foreground">–</span>,
    },
    {
      id: "load",
      header: t.columns.load,
      priority: "low",
      align: "right",
      cell: (node) =>
        node.facts?.host_cpu_usage === undefined ? (
          <span className="text-muted-foreground">–</span>
        ) : (
          percent(node.facts.host_cpu_usage)
        ),
    },
    {
      id: "checked",
      header: t.columns.checked,
      sortKey: "last_checked_at",
      priority: "mid",
      cell: (node) => <TimeAgo at={node.last_checked_at} />,
    },
  ];

  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description} actions={addButton} />
      <DataTable
        name={t.title}
        columns={columns}
        source={nodes}
        controls={controls}
        rowKey={(node) => node.uid}
        rowLabel={(node) => node.name}
        otherParams={["create", "node", "tab", "range"]}
        filters={
          <>
            <FilterSelect label={t.columns.status} param="status" controls={controls} options={STATUSES} />
            <FilterSelect
              label={t.columns.type}
              param="type"
              controls={controls}
              options={TYPES.map((value) => ({ value, label: t.types[value] ?? value }))}
            />
          </>
        }
        bulkActions={[
          {
            id: "check",
            label: t.check,
            icon: RefreshCw,
            title: t.many.check.title,
            description: t.many.check.body,
            forbidden: org.whyNot("update_node"),
            run: manyNodes.check,
          },
          {
            id: "pause",
            label: t.pause,
            icon: CirclePause,
            title: t.many.pause.title,
            description: t.many.pause.body,
            forbidden: org.whyNot("update_node"),
            whyNot: (node) => (node.is_active ? null : t.isPaused),
            run: (node) => manyNodes.accept(node, false),
          },
          {
            id: "drain",
            label: t.drain.action,
            icon: LogOut,
            destructive: true,
            title: t.many.drain.title,
            description: t.many.drain.body,
            forbidden: org.whyNot("update_node") ?? org.whyNot("delete_instance"),
            run: drainNode,
          },
          {
            id: "resume",
            label: t.resume,
            icon: CirclePlay,
            title: t.many.resume.title,
            description: t.many.resume.body,
            forbidden: org.whyNot("update_node"),
            whyNot: (node) => (node.is_active ? t.isOpen : null),
            run: (node) => manyNodes.accept(node, true),
          },
          {
            id: "remove",
            label: t.remove,
            icon: Trash2,
            destructive: true,
            typeToConfirm: true,
            title: t.many.remove.title,
            description: t.many.remove.body,
            forbidden: org.whyNot("delete_node"),
            run: manyNodes.remove,
          },
        ]}
        empty={
          <Empty icon={<Server />} title={t.empty.title} description={t.empty.description}>
            {addButton}
          </Empty>
        }
      />
      <NodePanel nodeId={openNode} onClose={() => setOpenNode(null)} />
      <Panel open={creating !== null} onClose={() => setCreating(null)} title={t.add} description={t.one}>
        {mayNotCreate ? (
          <Forbidden reason={mayNotCreate} />
        ) : (
          <NodeForm
            submit={forms.node.add}
            onCancel={() => setCreating(null)}
            onSubmit={async (body) => {
              const node = await create.mutateAsync({ path: { org_id: org.orgId }, body });
              setOpenNode(node.uid);
              setCreating(null);
            }}
          />
        )}
      </Panel>
    </div>
  );
}
