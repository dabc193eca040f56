import { ArrowRight, CircleCheck, Cpu, Plus } from "lucide-react";
import type * as React from "react";
import { Link, useNavigate } from "react-router";
import { Card, CardHeader, CardTitle } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { Progress } from "@/components/ui/progress";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { StatusBadge, StatusMark } from "@/components/utils/StatusBadge";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import type { FailureView, NodeUseView, WorkerView } from "@/lib/api/generated/types.gen";
import { sentence } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { instanceLook, nodeLook } from "@/lib/status";
import { texts as fleet } from "@/lib/texts/fleet";
import { texts as t } from "@/lib/texts/overview";
import { byNeed } from "./figures";

const MOST_NODES = 12;

function ListCard({ title, to, children }: { title: string; to?: string; children: React.ReactNode }) {
  return (
    <Card>
      <CardHeader>
        <CardTitle>{title}</CardTitle>
        {to ? (
          <Link
            to={to}
            className="inline-flex h-6 items-center gap-1 rounded-sm text-xs text-muted-foreground hover:text-foreground"
          >
            {t.all}
            <span className="sr-only">{title}</span>
            <ArrowRight aria-hidden="true" className="size-3.5" />
          </Link>
        ) : null}
      </CardHeader>
      {children}
    </Card>
  );
}

/** What failed of late, each with its cause. */
export function Failures({ failures, orgId }: { failures: readonly FailureView[]; orgId: string }) {
  return (
    <ListCard title={t.failures.title} to={`${routes.instances(orgId)}?state=failed`}>
      {failures.length === 0 ? (
        <Empty icon={<CircleCheck />} title={t.failures.none} description={t.failures.noneHint} className="py-10" />
      ) : (
        <ul className="divide-y divide-border/70">
          {failures.map((failure) => (
            <li key={failure.instance_id} className="flex gap-3 px-4 py-2.5 text-[0.8125rem]">
              <StatusMark shape={instanceLook("failed", "").shape} className="mt-1.5 text-destructive" />
              <div className="grid min-w-0 flex-1 gap-0.5">
                <span className="flex min-w-0 items-baseline gap-3">
                  <Link
                    to={`${routes.instance(orgId, failure.runner_id, failure.instance_id)}?tab=timeline`}
                    className="min-w-0 truncate rounded-sm font-medium hover:text-primary hover:underline"
                  >
                    {failure.name}
                  </Link>
                  <span className="ml-auto shrink-0 text-xs text-muted-foreground">
                    <TimeAgo at={failure.failed_at} />
                  </span>
                </span>
                <p className="break-words text-muted-foreground">
                  {failure.reason ? sentence(failure.reason) : t.failures.noReason}
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </ListCard>
  );
}

/** Where there is room; those that need a look stand first. */
export function Headroom({ nodes, orgId }: { nodes: readonly NodeUseView[]; orgId: string }) {
  const { whyNot } = useOrg();
  const navigate = useNavigate();
  const sorted = byNeed(nodes);
  const more = sorted.length - MOST_NODES;
  return (
    <ListCard title={t.headroom.title} to={routes.nodes(orgId)}>
      {nodes.length === 0 ? (
        <Empty title={fleet.nodes.empty.title} description={fleet.nodes.empty.description} className="py-8">
          <GuardedButton
            size="sm"
            reason={whyNot("create_node")}
            onClick={() => navigate(`${routes.nodes(orgId)}?create=1`)}
          >
            <Plus />
            {fleet.nodes.add}
          </GuardedButton>
        </Empty>
      ) : null}
      <ul className="divide-y divide-border/70">
        {sorted.slice(0, MOST_NODES).map((node) => (
          <NodeRow key={node.uid} node={node} orgId={orgId} />
        ))}
      </ul>
      {more > 0 ? (
        <p className="border-t border-border/70 px-4 py-2 text-xs text-muted-foreground">{t.headroom.more(more)}</p>
      ) : null}
    </ListCard>
  );
}

function NodeRow({ node, orgId }: { node: NodeUseView; orgId: string }) {
  const label = `${node.name}: ${t.used(node.instances_in_use, node.capacity)}`;
  return (
    <li className="flex min-h-10 items-center gap-3 px-4 py-1.5 text-[0.8125rem]">
      <Link
        to={`${routes.nodes(orgId)}?node=${node.uid}`}
        className="min-w-0 flex-1 truncate rounded-sm font-medium hover:text-primary hover:underline"
      >
        {node.name}
      </Link>
      <Progress
        className="w-20 max-sm:hidden"
        value={node.instances_in_use}
        max={Math.max(1, node.capacity)}
        tone={node.instances_in_use >= node.capacity ? "warn" : "primary"}
        label={label}
      />
      <span className="w-14 text-right text-muted-foreground">
        {node.instances_in_use} / {node.capacity}
      </span>
      <span className="flex w-28 justify-end">
        <StatusBadge look={nodeLook(node.status, true, node.is_active)} detail={node.status_reason} />
      </span>
    </li>
  );
}

/** Who does the work. */
export function Workers({ workers }: { workers: readonly WorkerView[] | undefined }) {
  return (
    <ListCard title={t.workerList.title}>
      {workers === undefined || workers.length === 0 ? (
        <p className="px-4 py-3 text-[0.8125rem] text-muted-foreground">
          {workers === undefined ? t.redisAway : t.workerList.none}
        </p>
      ) : (
        <ul className="divide-y divide-border/70">
          {workers.map((worker) => (
            <li key={worker.name} className="flex min-h-10 items-center gap-3 px-4 py-1.5 text-[0.8125rem]">
              <Cpu aria-hidden="true" className="size-4 shrink-0 text-muted-foreground" />
              <span className="grid min-w-0 flex-1">
                <span className="truncate font-medium">{worker.name}</span>
                <span className="truncate text-xs text-muted-foreground">
                  {worker.queues.map(t.queue).join(", ")} · {t.slots(worker.concurrency)} · {worker.version}
                </span>
              </span>
              <span className="shrink-0 text-xs text-muted-foreground">
                {t.workerList.seen} <TimeAgo at={worker.seen_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </ListCard>
  );
}
