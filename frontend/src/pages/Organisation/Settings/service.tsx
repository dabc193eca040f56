import { useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import { readConfigOptions, readOrgOptions, updateOrgMutation } from "@/lib/api/generated/@tanstack/react-query.gen";
import { texts } from "@/lib/texts/organisation";

export function useOrganisation() {
  const { orgId } = useOrg();
  return useQuery(readOrgOptions({ path: { org_id: orgId } }));
}

export function useConfig() {
  return useQuery({ ...readConfigOptions(), refetchInterval: false });
}

export function useUpdateOrganisation() {
  const invalidate = useInvalidate();
  return useMutation({
    ...updateOrgMutation(),
    onSuccess: async () => {
      await invalidate("readOrg", "listOrgs", "readMe");
      toast.success(texts.settings.saved);
    },
  });
}
