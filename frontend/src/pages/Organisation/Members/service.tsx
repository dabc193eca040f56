import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import {
  addMemberMutation,
  listInvitationsOptions,
  listMembersOptions,
  listPermissionsOptions,
  removeMemberMutation,
  updateMemberMutation,
  withdrawInvitationMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { ListMembersData } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/organisation";

export function useMembers(query: NonNullable<ListMembersData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({ ...listMembersOptions({ path: { org_id: orgId }, query }), placeholderData: keepPreviousData });
}

/** Invitations that are still open; only an admin may see them. */
export function useInvitations() {
  const org = useOrg();
  return useQuery({
    ...listInvitationsOptions({ path: { org_id: org.orgId }, query: { limit: 100 } }),
    enabled: org.role === "admin",
  });
}

/** The catalogue of what can be granted. */
export function usePermissions() {
  return useQuery({ ...listPermissionsOptions(), staleTime: Number.POSITIVE_INFINITY, refetchInterval: false });
}

export function useMemberActions() {
  const invalidate = useInvalidate();
  const refresh = () => invalidate("listMembers", "listInvitations", "readMe");
  const add = useMutation({ ...addMemberMutation(), onSuccess: refresh });
  const update = useMutation({
    ...updateMemberMutation(),
    onSuccess: async () => {
      await refresh();
      toast.success(texts.members.saved);
    },
  });
  const remove = useMutation({
    ...removeMemberMutation(),
    onSuccess: async () => {
      await refresh();
      toast.success(texts.members.removed);
    },
  });
  const withdraw = useMutation({
    ...withdrawInvitationMutation(),
    onSuccess: async () => {
      await refresh();
      toast.success(texts.members.withdrawn);
    },
  });
  return { add, update, remove, withdraw };
}
