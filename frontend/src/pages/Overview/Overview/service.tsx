import { useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import { listNodesOptions, listRunnersOptions } from "@/lib/api/generated/@tanstack/react-query.gen";

/** The most that one page of the api holds; a larger fleet is summed up over what these show. */
const MOST = 100;

export function useFleet() {
  const { orgId } = useOrg();
  const options = { path: { org_id: orgId }, query: { limit: MOST, sort: "name" } };
  const runners = useQuery(listRunnersOptions(options));
  const nodes = useQuery(listNodesOptions(options));
  return { runners, nodes };
}
