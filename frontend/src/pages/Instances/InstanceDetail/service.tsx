import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { useNow } from "@/hooks/useNow";
import {
  listInstanceEventsOptions,
  readInstanceLogsOptions,
  readInstanceMetricsOptions,
  readInstanceOptions,
  readNodeOptions,
  readRunnerOptions,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { type RangeName, rangeOf } from "@/lib/time-range";

/** Between two questions for new log lines while the log is looked at. */
const LOG_INTERVAL_MS = 3_000;
const METRICS_INTERVAL_MS = 15_000;
const LOG_TAIL = 5_000;
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

/** The end of the log, asked for again only while it is looked at and more can come. */
export function useLogs(path: InstancePath, live: boolean) {
  return useQuery({
    ...readInstanceLogsOptions({ path, query: { tail: LOG_TAIL } }),
    refetchInterval: live ? LOG_INTERVAL_MS : false,
    gcTime: 0,
  });
}
