import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import {
  createCredentialMutation,
  deleteCredentialMutation,
  listCredentialsOptions,
  updateCredentialMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { ListCredentialsData } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/fleet";

export function useCredentials(query: NonNullable<ListCredentialsData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({ ...listCredentialsOptions({ path: { org_id: orgId }, query }), placeholderData: keepPreviousData });
}

export function useCredentialActions() {
  const invalidate = useInvalidate();
  const saved = async () => {
    await invalidate("listCredentials", "readCredential");
    toast.success(texts.credentials.saved);
  };
  const create = useMutation({ ...createCredentialMutation(), onSuccess: saved });
  const update = useMutation({ ...updateCredentialMutation(), onSuccess: saved });
  const remove = useMutation({
    ...deleteCredentialMutation(),
    onSuccess: async () => {
      await invalidate("listCredentials");
      toast.success(texts.credentials.removed);
    },
  });
  return { create, update, remove };
}
