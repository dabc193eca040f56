import { useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { listAuditOptions, listNodesOptions, listRunnersOptions } from "@/lib/api/generated/@tanstack/react-query.gen";

/** The most that one page of the api holds; a larger fleet is summed up over what these show. */
const MOST = 100;
const MOST_ACTIVITY = 8;

export function useFleet() {
  const { orgId, role } = useOrg();
  const options = { path: { org_id: orgId }, query: { limit: MOST, sort: "name" } };
  const runners = useQuery(listRunnersOptions(options));
  const nodes = useQuery(listNodesOptions(options));
  const activity = useQuery({
    ...listAuditOptions({ path: { org_id: orgId }, query: { limit: MOST_ACTIVITY } }),
    enabled: role === "admin",
  });
  return { runners, nodes, activity };
}
