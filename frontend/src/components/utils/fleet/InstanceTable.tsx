import { Box, MoreHorizontal } from "lucide-react";
import * as React from "react";
import { Link } from "react-router";
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
import { INSTANCE_ACTIONS, useInstanceActions } from "@/components/utils/fleet/instance-actions";
import { UsageSpark } from "@/components/utils/fleet/UsageSpark";
import { FilterSelect } from "@/components/utils/ListToolbar";
import { StandIn, useWanted } from "@/components/utils/StandIn";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import type { ListControls } from "@/hooks/useListState";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { shortId } from "@/lib/format";
import { routes } from "@/lib/routes";
import { INSTANCE_STATES, INSTANCE_STATUSES, instanceLook } from "@/lib/status";
import { texts } from "@/lib/texts/fleet";

const t = texts.instances;

type InstanceTableProps = {
  source: ListSource<InstanceView>;
  controls: ListControls;
  /** Whether the rows belong to several runners. */
  withRunner?: boolean;
  /** Filters beside those by status and state. */
  filters?: React.ReactNode;
  /** Shown when there is nothing at all yet. */
  empty: { title: string; description: string; action?: React.ReactNode };
};

/** Instances with live status, filters and actions. */
export function InstanceTable({ source, controls, withRunner = false, filters, empty }: InstanceTableProps) {
  const { orgId } = useOrg();
  const { confirmation, ask, close } = useConfirmation();
  const actions = useInstanceActions(ask);
  const columns = React.useMemo(
    () => columnsOf(orgId, actions).filter((column) => withRunner || column.id !== "runner"),
    [orgId, actions, withRunner],
  );
  return (
    <>
      <DataTable
        name={t.title}
        storedAs={withRunner ? "all-instances" : "instances"}
        columns={columns}
        source={source}
        controls={controls}
        rowKey={(instance) => instance.uid}
        rowLabel={(instance) => instance.name}
        otherParams={["tab", "range"]}
        filters={
          <>
            <FilterSelect label={t.columns.status} param="status" controls={controls} options={STATUS_OPTIONS} />
            <FilterSelect label={t.columns.state} param="state" controls={controls} options={STATE_OPTIONS} />
            {filters}
          </>
        }
        bulkActions={actions.many}
        empty={
          <Empty icon={<Box />} title={empty.title} description={empty.description}>
            {empty.action}
          </Empty>
        }
      />
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </>
  );
}

const STATUS_OPTIONS = INSTANCE_STATUSES.map((value) => ({ value, label: instanceLook("running", value).word }));
const STATE_OPTIONS = INSTANCE_STATES.map((value) => ({
  value,
  label: value === "running" ? t.running : instanceLook(value, "").word,
}));

const LINK = "block truncate rounded-sm hover:text-primary hover:underline";

function columnsOf(orgId: string, actions: ReturnType<typeof useInstanceActions>): Column<InstanceView>[] {
  return [
    {
      id: "name",
      header: t.columns.name,
      sortKey: "name",
      fixed: true,
      cell: (instance) => (
        <Link
          to={routes.instance(orgId, instance.runner_id, instance.uid)}
          title={instance.name}
          className={`${LINK} max-w-44 font-medium sm:max-w-72`}
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
      id: "runner",
      header: t.columns.runner,
      priority: "mid",
      cell: (instance) => (
        <Link to={routes.runner(orgId, instance.runner_id)} title={instance.runner_name} className={`${LINK} max-w-48`}>
          {instance.runner_name}
        </Link>
      ),
    },
    {
      id: "node",
      header: t.columns.node,
      priority: "mid",
      cell: (instance) => (
        <Link
          to={`${routes.nodes(orgId)}?node=${instance.node_id}`}
          title={instance.node_name}
          className={`${LINK} max-w-40`}
        >
          {instance.node_name}
        </Link>
      ),
    },
    {
      id: "usage",
      header: t.columns.usage,
      priority: "low",
      cell: (instance) => <UsageSpark instance={instance} />,
    },
    {
      id: "reason",
      header: t.columns.reason,
      hiddenAtFirst: true,
      cell: (instance) => (
        <span className="block max-w-64 truncate text-muted-foreground" title={instance.state_reason}>
          {instance.state_reason ?? "–"}
        </span>
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
      id: "container",
      header: t.columns.container,
      hiddenAtFirst: true,
      cell: (instance) => (
        <code className="text-xs">
          {instance.instance_identifier ? instance.instance_identifier.slice(0, 12) : "–"}
        </code>
      ),
    },
    {
      id: "github",
      header: t.columns.github,
      hiddenAtFirst: true,
      cell: (instance) => instance.github_runner_id ?? <span className="text-muted-foreground">–</span>,
    },
    {
      id: "created",
      header: t.columns.created,
      sortKey: "created_at",
      hiddenAtFirst: true,
      cell: (instance) => <TimeAgo at={instance.created_at} />,
    },
    {
      id: "uid",
      header: t.columns.id,
      hiddenAtFirst: true,
      cell: (instance) => (
        <code className="text-xs" title={instance.uid}>
          {shortId(instance.uid)}
        </code>
      ),
    },
    {
      id: "actions",
      header: t.columns.actions,
      quiet: true,
      fixed: true,
      align: "right",
      cell: (instance) => <RowMenu instance={instance} actions={actions} />,
    },
  ];
}

type RowMenuProps = { instance: InstanceView; actions: ReturnType<typeof useInstanceActions> };

/** An item out of reach says why in its own line, as tooltips do not open inside menus. */
function RowMenu({ instance, actions }: RowMenuProps) {
  const { wanted, watch } = useWanted();
  return (
    <>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={t.actionsFor(instance.name)}
        aria-haspopup="menu"
        aria-expanded={false}
        {...watch}
      >
        <MoreHorizontal />
      </Button>
      {wanted ? (
        <DropdownMenu>
          <DropdownMenuTrigger asChild>
            <StandIn of={wanted} />
          </DropdownMenuTrigger>
          <RowMenuContent instance={instance} actions={actions} />
        </DropdownMenu>
      ) : null}
    </>
  );
}

function RowMenuContent({ instance, actions }: RowMenuProps) {
  return (
    <DropdownMenuContent align="end">
      {INSTANCE_ACTIONS.map((action) => {
        const reason = actions.reason(action, instance);
        return (
          <DropdownMenuItem
            key={action}
            // Not `disabled`: the arrow keys would pass it by, and nobody would hear why.
            aria-disabled={reason !== null}
            variant={action === "remove" ? "destructive" : "default"}
            className={reason === null ? undefined : "opacity-70"}
            onSelect={(event) => {
              if (reason === null) actions.start(action, instance);
              else event.preventDefault();
            }}
          >
            <span className="grid py-1">
              {t[action]}
              {reason ? <span className="max-w-56 text-2xs">{reason}</span> : null}
            </span>
          </DropdownMenuItem>
        );
      })}
    </DropdownMenuContent>
  );
}
