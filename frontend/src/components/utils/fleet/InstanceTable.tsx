import { Box, MoreHorizontal, Trash2 } from "lucide-react";
import type * as React from "react";
import { Link } from "react-router";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { Empty } from "@/components/ui/empty";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { type Column, DataTable, type ListSource } from "@/components/utils/DataTable";
import { useInstanceActions } from "@/components/utils/fleet/instance-actions";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { FilterSelect } from "@/components/utils/ListToolbar";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import type { ListControls } from "@/hooks/useListState";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { routes } from "@/lib/routes";
import { instanceLook } from "@/lib/status";
import { texts } from "@/lib/texts/fleet";

const t = texts.instances;
const STATES = ["pending", "creating", "starting", "running", "draining", "stopping", "stopped", "failed"] as const;
const STATUSES = ["idle", "busy", "online", "offline"] as const;

type InstanceTableProps = {
  source: ListSource<InstanceView>;
  controls: ListControls;
  nodeNames: ReadonlyMap<string, string>;
  emptyAction?: React.ReactNode;
};

/** Instances with live status, filters and actions. */
export function InstanceTable({ source, controls, nodeNames, emptyAction }: InstanceTableProps) {
  const org = useOrg();
  const { confirmation, ask, close } = useConfirmation();
  const actions = useInstanceActions(ask);

  const columns: Column<InstanceView>[] = [
    {
      id: "name",
      header: t.columns.name,
      sortKey: "name",
      fixed: true,
      cell: (instance) => (
        <Link
          to={routes.instance(org.orgId, instance.runner_id, instance.uid)}
          className="block max-w-72 truncate rounded-sm font-medium hover:text-primary hover:underline"
        >
          {instance.name}
        </Link>
      ),
    },
    {
      id: "status",
      header: t.columns.status,
      sortKey: "state",
      cell: (instance) => (
        <StatusBadge look={instanceLook(instance.state, instance.status)} detail={instance.state_reason} />
      ),
    },
    {
      id: "reason",
      header: t.columns.reason,
      priority: "low",
      cell: (instance) => (
        <span className="block max-w-80 truncate text-muted-foreground" title={instance.state_reason}>
          {instance.state_reason ?? "–"}
        </span>
      ),
    },
    {
      id: "node",
      header: t.columns.node,
      priority: "mid",
      cell: (instance) => (
        <Link
          to={`${routes.nodes(org.orgId)}?node=${instance.node_id}`}
          className="rounded-sm hover:text-primary hover:underline"
        >
          {nodeNames.get(instance.node_id) ?? "…"}
        </Link>
      ),
    },
    {
      id: "heartbeat",
      header: t.columns.heartbeat,
      priority: "mid",
      cell: (instance) => <TimeAgo at={instance.last_heartbeat} />,
    },
    {
      id: "since",
      header: t.columns.since,
      sortKey: "state_changed_at",
      priority: "mid",
      cell: (instance) => <TimeAgo at={instance.state_changed_at} />,
    },
    {
      id: "created",
      header: t.columns.created,
      sortKey: "created_at",
      priority: "low",
      cell: (instance) => <TimeAgo at={instance.created_at} />,
    },
    {
      id: "actions",
      header: "Actions",
      quiet: true,
      fixed: true,
      align: "right",
      cell: (instance) => <RowMenu instance={instance} actions={actions} />,
    },
  ];

  return (
    <>
      <DataTable
        name={t.title}
        columns={columns}
        source={source}
        controls={controls}
        rowKey={(instance) => instance.uid}
        rowLabel={(instance) => instance.name}
        filters={
          <>
            <FilterSelect
              label={t.columns.status}
              param="status"
              controls={controls}
              options={STATUSES.map((value) => ({ value, label: instanceLook("running", value).word }))}
            />
            <FilterSelect
              label="State"
              param="state"
              controls={controls}
              options={STATES.map((value) => ({
                value,
                label: value === "running" ? "Running" : instanceLook(value, "").word,
              }))}
            />
          </>
        }
        bulkActions={(chosen, clear) => {
          const possible = chosen.filter((instance) => actions.reason("remove", instance) === null);
          const reason = org.whyNot("delete_instance") ?? (possible.length === 0 ? t.confirm.remove.body : null);
          return (
            <GuardedButton
              variant="outline"
              size="xs"
              reason={reason}
              onClick={() =>
                ask({
                  title: t.removeMany(possible.length),
                  description: t.removeManyBody,
                  action: t.remove,
                  destructive: true,
                  run: async () => {
                    for (const instance of possible) await actions.run("remove", instance);
                    clear();
                    toast(t.done.remove);
                  },
                })
              }
            >
              <Trash2 className="size-3.5!" />
              {t.remove}
            </GuardedButton>
          );
        }}
        empty={
          <Empty icon={<Box />} title={t.empty.title} description={t.empty.description}>
            {emptyAction}
          </Empty>
        }
      />
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </>
  );
}

type RowMenuProps = { instance: InstanceView; actions: ReturnType<typeof useInstanceActions> };

/** An item out of reach says why in its own line, as tooltips do not open inside menus. */
function RowMenu({ instance, actions }: RowMenuProps) {
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <Button variant="ghost" size="icon-sm" aria-label={`Actions for ${instance.name}`}>
          <MoreHorizontal />
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent align="end">
        {(["start", "stop", "restart", "remove"] as const).map((action) => {
          const reason = actions.reason(action, instance);
          return (
            <DropdownMenuItem
              key={action}
              disabled={reason !== null}
              variant={action === "remove" ? "destructive" : "default"}
              onSelect={() => actions.start(action, instance)}
            >
              <span className="grid">
                {t[action]}
                {reason ? <span className="max-w-56 text-2xs text-muted-foreground">{reason}</span> : null}
              </span>
            </DropdownMenuItem>
          );
        })}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
