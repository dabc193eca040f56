import { ArrowRight, Plus } from "lucide-react";
import type * as React from "react";
import { Link } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { Progress } from "@/components/ui/progress";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { PageHeader } from "@/components/utils/PageHeader";
import { StatusBadge, StatusMark } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import type { AuditView, NodeView, RunnerView } from "@/lib/api/generated/types.gen";
import { count, percent, shortId } from "@/lib/format";
import { routes } from "@/lib/routes";
import { nodeLook, runnerLook, type StatusLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/fleet";
import { cn } from "@/lib/utils";
import { figuresOf } from "./figures";
import { useFleet } from "./service";

const t = all.overview;
const MOST_LISTED = 10;

const TONES: Record<string, string> = {
  ok: "text-ok",
  active: "text-active",
  off: "text-off",
  bad: "text-destructive",
  calm: "text-calm",
};

export function OverviewPage() {
  const org = useOrg();
  const { runners, nodes, activity } = useFleet();
  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description(org.name)} />
      {org.role === "admin" && (runners.data?.total === 0 || nodes.data?.total === 0) ? (
        <Alert
          title={t.setUp.title}
          actions={
            <Button asChild size="sm" className="self-center">
              <Link to={`${routes.welcome}?${new URLSearchParams({ org: org.orgId })}`}>{t.setUp.action}</Link>
            </Button>
          }
        >
          {t.setUp.description}
        </Alert>
      ) : null}
      {runners.data && nodes.data ? (
        <Tiles runners={runners.data.items} nodes={nodes.data.items} orgId={org.orgId} />
      ) : runners.isError || nodes.isError ? null : (
        <Skeleton className="h-28" />
      )}
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <ListCard
          title={t.runners}
          to={routes.runners(org.orgId)}
          query={runners}
          empty={all.runners.empty}
          action={all.runners.create}
          row={(runner) => <RunnerRow key={runner.uid} runner={runner} orgId={org.orgId} />}
        />
        <div className="grid gap-5">
          <ListCard
            title={t.headroom}
            to={routes.nodes(org.orgId)}
            query={nodes}
            empty={all.nodes.empty}
            action={all.nodes.add}
            row={(node) => <NodeRow key={node.uid} node={node} orgId={org.orgId} />}
          />
          {org.role === "admin" ? (
            <ListCard
              title={t.activity}
              to={routes.audit(org.orgId)}
              query={activity}
              row={(line) => <ActivityRow key={line.uid} line={line} />}
            />
          ) : null}
        </div>
      </div>
    </div>
  );
}

type TilesProps = { runners: RunnerView[]; nodes: NodeView[]; orgId: string };

function Tiles({ runners, nodes, orgId }: TilesProps) {
  const figures = figuresOf(runners, nodes);
  const free = figures.room.capacity - figures.room.used;
  return (
    <div className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-border bg-border lg:grid-cols-4">
      <Tile label={all.runners.title} value={count(runners.length)} to={routes.runners(orgId)}>
        <Part look={runnerLook("busy", 1)} value={figures.runners.active} />
        <Part look={runnerLook("idle", 1)} value={figures.runners.idle} />
        <Part look={runnerLook("idle", 0)} value={figures.runners.offline} />
      </Tile>
      <Tile label={all.instances.title} value={count(figures.instances)} to={routes.runners(orgId)}>
        <span className="text-muted-foreground">taking up room</span>
      </Tile>
      <Tile label="Room" value={`${count(free)} free`} to={routes.nodes(orgId)}>
        <span className="grid w-full gap-1.5 text-muted-foreground">
          {count(figures.room.used)} of {count(figures.room.capacity)} in use
          <Progress
            value={figures.room.used}
            max={Math.max(1, figures.room.capacity)}
            label="Room in use"
            tone={free === 0 && figures.room.capacity > 0 ? "warn" : "primary"}
          />
        </span>
      </Tile>
      <Tile label={all.nodes.title} value={count(nodes.length)} to={routes.nodes(orgId)}>
        <Part look={nodeLook("active", true)} value={figures.nodes.ready} />
        <Part look={nodeLook("inactive", true)} value={figures.nodes.unreachable} />
        {figures.nodes.unchecked > 0 ? (
          <Part look={nodeLook("inactive", false)} value={figures.nodes.unchecked} />
        ) : null}
      </Tile>
    </div>
  );
}

type TileProps = { label: string; value: string; to: string; children: React.ReactNode };

function Tile({ label, value, to, children }: TileProps) {
  return (
    <Link to={to} className="grid content-start gap-2 bg-surface p-4 hover:bg-muted/50 focus-visible:-outline-offset-2">
      <span className="text-xs text-muted-foreground">{label}</span>
      <span className="text-2xl leading-none font-semibold tracking-tight">{value}</span>
      <span className="flex flex-wrap gap-x-3 gap-y-1 text-xs">{children}</span>
    </Link>
  );
}

function Part({ look, value }: { look: StatusLook; value: number }) {
  return (
    <span className={cn("inline-flex items-center gap-1.5", value === 0 ? "text-muted-foreground" : TONES[look.tone])}>
      <StatusMark shape={look.shape} />
      {count(value)} {look.word}
    </span>
  );
}

type ListCardProps<Row> = {
  title: string;
  to: string;
  query: { data: { items: Row[] } | undefined; isError: boolean; error: unknown; refetch: () => unknown };
  /** What to say and to do while there is nothing yet. */
  empty?: { title: string; description: string };
  action?: string;
  row: (row: Row) => React.ReactNode;
};

function ListCard<Row>({ title, to, query, empty, action, row }: ListCardProps<Row>) {
  return (
    <Card>
      <CardHeader>
        <CardTitle>{title}</CardTitle>
        <Link
          to={to}
          className="inline-flex items-center gap-1 rounded-sm text-xs text-muted-foreground hover:text-foreground"
        >
          {t.all}
          <span className="sr-only">{title}</span>
          <ArrowRight aria-hidden="true" className="size-3.5" />
        </Link>
      </CardHeader>
      {query.isError && !query.data ? <ErrorState error={query.error} onRetry={() => query.refetch()} /> : null}
      {!query.data && !query.isError ? (
        <CardContent>
          <Skeleton className="h-24" />
        </CardContent>
      ) : null}
      {query.data?.items.length === 0 && empty ? (
        <Empty title={empty.title} description={empty.description}>
          <Button asChild size="sm">
            <Link to={`${to}?create=1`}>
              <Plus />
              {action}
            </Link>
          </Button>
        </Empty>
      ) : null}
      <ul className="divide-y divide-border/70">{query.data?.items.slice(0, MOST_LISTED).map(row)}</ul>
    </Card>
  );
}

function RunnerRow({ runner, orgId }: { runner: RunnerView; orgId: string }) {
  return (
    <li className="flex min-h-10 items-center gap-3 px-4 py-1.5 text-[0.8125rem]">
      <Link
        to={routes.runner(orgId, runner.uid)}
        className="min-w-0 flex-1 truncate rounded-sm font-medium hover:text-primary hover:underline"
      >
        {runner.name}
      </Link>
      <span className="hidden min-w-0 truncate font-mono text-xs text-muted-foreground sm:block">
        {runner.github_repo}
      </span>
      <span className="w-14 text-right text-muted-foreground">
        {runner.instances_in_use} / {runner.max_instances}
      </span>
      <span className="flex w-22 justify-end">
        <StatusBadge look={runnerLook(runner.status, runner.instances_in_use === 0 ? 0 : undefined)} />
      </span>
    </li>
  );
}

function NodeRow({ node, orgId }: { node: NodeView; orgId: string }) {
  const load = node.facts?.host_cpu_usage;
  return (
    <li className="flex min-h-10 items-center gap-3 px-4 py-1.5 text-[0.8125rem]">
      <Link
        to={`${routes.nodes(orgId)}?node=${node.uid}`}
        className="min-w-0 flex-1 truncate rounded-sm font-medium hover:text-primary hover:underline"
      >
        {node.name}
      </Link>
      {load === undefined ? null : (
        <span className="hidden text-xs text-muted-foreground sm:block">CPU {percent(load)}</span>
      )}
      <Progress
        className="w-20 max-sm:hidden"
        value={node.instances_in_use}
        max={Math.max(1, node.capacity)}
        tone={node.instances_in_use >= node.capacity ? "warn" : "primary"}
        label={`${node.name}: ${node.instances_in_use} of ${node.capacity} in use`}
      />
      <span className="w-14 text-right text-muted-foreground">
        {node.instances_in_use} / {node.capacity}
      </span>
      <span className="flex w-28 justify-end">
        <StatusBadge look={nodeLook(node.status, Boolean(node.last_checked_at))} detail={node.status_reason} />
      </span>
    </li>
  );
}

function ActivityRow({ line }: { line: AuditView }) {
  return (
    <li className="flex min-h-9 items-center gap-3 px-4 py-1 text-[0.8125rem]">
      <code className={cn("shrink-0 text-xs", line.result === "denied" && "text-destructive")}>{line.action}</code>
      <span className="min-w-0 flex-1 truncate text-muted-foreground">
        {line.actor}
        {line.target_id ? <span className="max-sm:hidden"> · {shortId(line.target_id)}</span> : null}
      </span>
      <span className="text-xs text-muted-foreground">
        <TimeAgo at={line.created_at} />
      </span>
    </li>
  );
}
