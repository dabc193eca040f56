import { useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { readOverviewOptions } from "@/lib/api/generated/@tanstack/react-query.gen";

/** Between two questions while changes arrive by themselves: queues and workers tell of none. */
const QUEUES_MS = 10_000;

/** The fleet at a glance, in one request. */
export function useOverview() {
  const { orgId } = useOrg();
  return useQuery({ ...readOverviewOptions({ path: { org_id: orgId } }), refetchInterval: QUEUES_MS });
}
