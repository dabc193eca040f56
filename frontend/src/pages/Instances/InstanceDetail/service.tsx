import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { useFollowedLog } from "@/hooks/useFollowedLog";
import type { TimeRange } from "@/hooks/useTimeRange";
import {
  listInstanceEventsInfiniteOptions,
  readInstanceMetricsOptions,
  readInstanceOptions,
  readNodeOptions,
  readRunnerOptions,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { EVENTS_AT_ONCE, nextEvents } from "@/lib/event-pages";
import { shortId } from "@/lib/format";

/** Earlier lines that a log is opened with. */
export const LOG_TAIL = 5_000;

export type InstancePath = { org_id: string; runner_id: string; instance_id: string };

export function useInstance(path: InstancePath) {
  return useQuery(readInstanceOptions({ path }));
}

/** The name of what an instance belongs to: `…` while it is asked for, and its id where it can't be read. */
function nameOf({ data, isError }: { data: { name: string } | undefined; isError: boolean }, id: string): string {
  return data?.name ?? (isError ? shortId(id) : "…");
}

/** What the instance belongs to, to be named. */
export function useSurroundings(instance: InstanceView) {
  const { orgId } = useOrg();
  const runner = useQuery(readRunnerOptions({ path: { org_id: orgId, runner_id: instance.runner_id } }));
  const node = useQuery(readNodeOptions({ path: { org_id: orgId, node_id: instance.node_id } }));
  return { runnerName: nameOf(runner, instance.runner_id), nodeName: nameOf(node, instance.node_id) };
}

export function useMetrics(path: InstancePath, range: TimeRange) {
  return useQuery({
    ...readInstanceMetricsOptions({ path, query: range.query }),
    placeholderData: keepPreviousData,
    refetchInterval: range.refreshMs,
  });
}

export function useEvents(path: InstancePath) {
  return useInfiniteQuery({
    ...listInstanceEventsInfiniteOptions({ path, query: { limit: EVENTS_AT_ONCE, sort: "-created_at" } }),
    initialPageParam: 0,
    getNextPageParam: nextEvents,
  });
}

/** These may yet write, or have a container that does. */
const WRITING: readonly InstanceView["state"][] = [
  "pending",
  "creating",
  "starting",
  "running",
  "draining",
  "stopping",
];

/** The log from its last lines on, while it is looked at. */
export function useLog({ org_id, runner_id, instance_id }: InstancePath, instance: InstanceView) {
  const address = `/org/${org_id}/runners/${runner_id}/instance/${instance_id}/logs/stream`;
  return useFollowedLog({
    path: address,
    tail: LOG_TAIL,
    container: instance.instance_identifier ?? null,
    mayGoOn: WRITING.includes(instance.state),
  });
}
