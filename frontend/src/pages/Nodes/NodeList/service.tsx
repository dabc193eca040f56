import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import type { TimeRange } from "@/hooks/useTimeRange";
import {
  checkNodeMutation,
  createNodeMutation,
  deleteNodeMutation,
  listNodeEventsInfiniteOptions,
  listNodesOptions,
  readNodeMetricsOptions,
  readNodeOptions,
  updateNodeMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import { checkNode, deleteInstance, deleteNode, listOrgInstances, updateNode } from "@/lib/api/generated/sdk.gen";
import type { InstanceView, ListNodesData, NodeView } from "@/lib/api/generated/types.gen";
import { runEach } from "@/lib/concurrent";
import { EVENTS_AT_ONCE, nextEvents } from "@/lib/event-pages";
import { isMissing } from "@/lib/problem";
import { TELLS_FAILURE } from "@/lib/query-client";
import { whyNot } from "@/lib/status";
import { texts } from "@/lib/texts/fleet";

export function useNodes(query: NonNullable<ListNodesData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({
    ...listNodesOptions({ path: { org_id: orgId }, query }),
    placeholderData: keepPreviousData,
  });
}

export function useNode(nodeId: string | null) {
  const { orgId } = useOrg();
  return useQuery({
    ...readNodeOptions({ path: { org_id: orgId, node_id: nodeId ?? "" } }),
    enabled: nodeId !== null,
  });
}

export function useMetrics(nodeId: string, range: TimeRange) {
  const { orgId } = useOrg();
  return useQuery({
    ...readNodeMetricsOptions({ path: { org_id: orgId, node_id: nodeId }, query: range.query }),
    placeholderData: keepPreviousData,
    refetchInterval: range.refreshMs,
  });
}

export function useEvents(nodeId: string) {
  const { orgId } = useOrg();
  return useInfiniteQuery({
    ...listNodeEventsInfiniteOptions({ path: { org_id: orgId, node_id: nodeId }, query: { limit: EVENTS_AT_ONCE } }),
    initialPageParam: 0,
    getNextPageParam: nextEvents,
  });
}

function pathOf(node: NodeView) {
  return { org_id: node.org_id, node_id: node.uid };
}

/** The same for many at once; an event tells the list of each. */
export const manyNodes = {
  check: (node: NodeView): Promise<unknown> => checkNode({ path: pathOf(node), throwOnError: true }),
  accept: (node: NodeView, is_active: boolean): Promise<unknown> =>
    updateNode({ path: pathOf(node), body: { is_active }, throwOnError: true }),
  remove: (node: NodeView): Promise<unknown> => deleteNode({ path: pathOf(node), throwOnError: true }),
};

/** Requests at once while a node is drained, and the most instances that one page of the api holds. */
const AT_ONCE = 4;
const PAGE = 100;

/** What is on the node and can be let go; known by id, as the pages move while it is read. */
async function instancesOn(node: NodeView): Promise<InstanceView[]> {
  const found = new Map<string, InstanceView>();
  for (let offset = 0, total = 1; offset < total; offset += PAGE) {
    const query = { node_id: node.uid, limit: PAGE, offset, sort: "created_at" };
    const { data } = await listOrgInstances({ path: { org_id: node.org_id }, query, throwOnError: true });
    for (const instance of data.items) found.set(instance.uid, instance);
    total = data.total;
  }
  return [...found.values()].filter((instance) => whyNot("remove", instance) === null);
}

/** Closes the node to new instances and lets those on it go, each after its job. */
export async function drainNode(node: NodeView): Promise<void> {
  await manyNodes.accept(node, false);
  const tried = new Set<string>();
  const left: string[] = [];
  // Read to its end before anything goes, then again: one that went by itself meanwhile pulls others over the edge
  // of a page. No new one comes, so that this ends.
  for (let open = await instancesOn(node); open.length > 0; ) {
    const outcomes = await runEach(open, AT_ONCE, ({ org_id, runner_id, uid }) =>
      deleteInstance({ path: { org_id, runner_id, instance_id: uid }, throwOnError: true }),
    );
    for (const { item } of outcomes) tried.add(item.uid);
    left.push(...outcomes.filter(({ ok, error }) => !ok && !isMissing(error)).map((outcome) => outcome.item.name));
    open = (await instancesOn(node)).filter((instance) => !tried.has(instance.uid));
  }
  // Shaped as the api's own refusals: it is one, put together from several.
  if (left.length > 0) throw { status: 409, detail: texts.nodes.drain.left(left) };
}

/** What can be done with nodes; each refreshes the lists it touches. */
export function useNodeActions() {
  const invalidate = useInvalidate();
  const refresh = () => invalidate("listNodes", "readNode");
  const create = useMutation({ ...createNodeMutation(), onSuccess: refresh });
  const saved = async () => {
    await refresh();
    toast.success(texts.nodes.saved);
  };
  const update = useMutation({ ...updateNodeMutation(), onSuccess: saved });
  const resume = useMutation({ ...updateNodeMutation(), meta: TELLS_FAILURE, onSuccess: saved });
  const check = useMutation({
    ...checkNodeMutation(),
    meta: TELLS_FAILURE,
    onSuccess: async () => {
      toast(texts.nodes.checking);
      await refresh();
    },
  });
  const remove = useMutation({
    ...deleteNodeMutation(),
    onSuccess: async () => {
      await invalidate("listNodes");
      toast.success(texts.nodes.removed);
    },
  });
  const drain = useMutation({
    mutationFn: drainNode,
    onSettled: () => invalidate("listNodes", "readNode", "listOrgInstances", "listInstances", "readOverview"),
    onSuccess: () => toast.success(texts.nodes.drain.started),
  });
  return { create, update, resume, check, remove, drain };
}
