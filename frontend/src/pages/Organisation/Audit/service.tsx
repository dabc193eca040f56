import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { listAuditOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import type { ListAuditData } from "@/lib/api/generated/types.gen";

export function useAudit(query: NonNullable<ListAuditData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({ ...listAuditOptions({ path: { org_id: orgId }, query }), placeholderData: keepPreviousData });
}
