import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { useFollowedLog } from "@/hooks/useFollowedLog";
import { useNow } from "@/hooks/useNow";
import {
  listInstanceEventsOptions,
  readInstanceMetricsOptions,
  readInstanceOptions,
  readNodeOptions,
  readRunnerOptions,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { type RangeName, rangeOf } from "@/lib/time-range";

const METRICS_INTERVAL_MS = 15_000;
/** Earlier lines that a log is opened with. */
export const LOG_TAIL = 5_000;
const CHART_POINTS = 240;

export type InstancePath = { org_id: string; runner_id: string; instance_id: string };

export function useInstance(path: InstancePath) {
  return useQuery(readInstanceOptions({ path }));
}

/** What the instance belongs to, to be named. */
export function useSurroundings(instance: InstanceView) {
  const { orgId } = useOrg();
  const runner = useQuery(readRunnerOptions({ path: { org_id: orgId, runner_id: instance.runner_id } }));
  const node = useQuery(readNodeOptions({ path: { org_id: orgId, node_id: instance.node_id } }));
  return { runner: runner.data, node: node.data };
}

export function useMetrics(path: InstancePath, range: RangeName) {
  const now = useNow();
  const { from, to } = rangeOf(range, now.getTime());
  const metrics = useQuery({
    ...readInstanceMetricsOptions({
      path,
      query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: CHART_POINTS },
    }),
    placeholderData: keepPreviousData,
    refetchInterval: METRICS_INTERVAL_MS,
  });
  return { metrics, from, to };
}

export function useEvents(path: InstancePath) {
  return useQuery(listInstanceEventsOptions({ path, query: { limit: 100, sort: "-created_at" } }));
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
