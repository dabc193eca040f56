import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import type { TimeRange } from "@/hooks/useTimeRange";
import {
  cloneRunnerMutation,
  createInstanceMutation,
  deleteRunnerMutation,
  listInstancesOptions,
  listRunnerEventsInfiniteOptions,
  readRunnerMetricsOptions,
  readRunnerOptions,
  runSampleJobMutation,
  updateRunnerMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { ListInstancesData } from "@/lib/api/generated/types.gen";
import { together } from "@/lib/choices";
import { EVENTS_AT_ONCE, nextEvents } from "@/lib/event-pages";
import { allCredentialsOptions, allNodesOptions } from "@/lib/fleet-choices";
import { TELLS_FAILURE } from "@/lib/query-client";
import { texts } from "@/lib/texts/fleet";

export function useRunner(runnerId: string) {
  const { orgId } = useOrg();
  return useQuery(readRunnerOptions({ path: { org_id: orgId, runner_id: runnerId } }));
}

export function useInstances(runnerId: string, query: NonNullable<ListInstancesData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({
    ...listInstancesOptions({ path: { org_id: orgId, runner_id: runnerId }, query }),
    placeholderData: keepPreviousData,
  });
}

export function useMetrics(runnerId: string, range: TimeRange) {
  const { orgId } = useOrg();
  return useQuery({
    ...readRunnerMetricsOptions({ path: { org_id: orgId, runner_id: runnerId }, query: range.query }),
    placeholderData: keepPreviousData,
    refetchInterval: range.refreshMs,
  });
}

export function useEvents(runnerId: string) {
  const { orgId } = useOrg();
  const path = { org_id: orgId, runner_id: runnerId };
  return useInfiniteQuery({
    ...listRunnerEventsInfiniteOptions({ path, query: { limit: EVENTS_AT_ONCE } }),
    initialPageParam: 0,
    getNextPageParam: nextEvents,
  });
}

/** The nodes by id, to name where an instance is, and the credentials by id, to name how a runner registers. */
export function useNeighbours() {
  const { orgId } = useOrg();
  const nodes = useQuery(allNodesOptions(orgId));
  const credentials = useQuery(allCredentialsOptions(orgId));
  return {
    nodes: nodes.data?.items ?? [],
    credentials: credentials.data?.items ?? [],
    choices: together({ nodes, credentials }),
  };
}

export function useRunnerActions() {
  const invalidate = useInvalidate();
  const update = useMutation({
    ...updateRunnerMutation(),
    onSuccess: async () => {
      await invalidate("listRunners", "readRunner");
      toast.success(texts.runners.saved);
    },
  });
  const clone = useMutation({
    ...cloneRunnerMutation(),
    onSuccess: async () => {
      await invalidate("listRunners");
      toast.success(texts.runners.cloned);
    },
  });
  const remove = useMutation({
    ...deleteRunnerMutation(),
    onSuccess: async () => {
      await invalidate("listRunners");
      toast.success(texts.runners.removed);
    },
  });
  const createInstance = useMutation({
    ...createInstanceMutation(),
    meta: TELLS_FAILURE,
    onSuccess: async () => {
      await invalidate("listInstances", "readRunner", "listRunners", "listNodes");
      toast.success(texts.instances.created);
    },
  });
  return { update, clone, remove, createInstance };
}

export function useSampleJob() {
  return useMutation({
    ...runSampleJobMutation(),
    meta: TELLS_FAILURE,
    onSuccess: () => toast.success(texts.runners.sample.sent),
  });
}
