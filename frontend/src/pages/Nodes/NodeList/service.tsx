import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import {
  checkNodeMutation,
  createNodeMutation,
  deleteNodeMutation,
  listNodesOptions,
  readNodeOptions,
  updateNodeMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { ListNodesData } from "@/lib/api/generated/types.gen";
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

/** What can be done with nodes; each refreshes the lists it touches. */
export function useNodeActions() {
  const invalidate = useInvalidate();
  const refresh = () => invalidate("listNodes", "readNode");
  const create = useMutation({ ...createNodeMutation(), onSuccess: refresh });
  const update = useMutation({
    ...updateNodeMutation(),
    onSuccess: async () => {
      await refresh();
      toast.success(texts.nodes.saved);
    },
  });
  const check = useMutation({
    ...checkNodeMutation(),
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
  return { create, update, check, remove };
}
