import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useOrg } from "@/context/OrgContext";
import {
  listNodesOptions,
  listOrgInstancesOptions,
  listRunnersOptions,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { ListOrgInstancesData } from "@/lib/api/generated/types.gen";

/** The most that a filter can offer; whoever has more finds them by the search. */
const MOST_CHOICES = 100;

export function useOrgInstances(query: NonNullable<ListOrgInstancesData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({
    ...listOrgInstancesOptions({ path: { org_id: orgId }, query }),
    placeholderData: keepPreviousData,
  });
}

/** What the list can be narrowed to, by name. */
export function useChoices() {
  const { orgId } = useOrg();
  const options = { path: { org_id: orgId }, query: { limit: MOST_CHOICES, sort: "name" } };
  const runners = useQuery(listRunnersOptions(options));
  const nodes = useQuery(listNodesOptions(options));
  const choice = ({ uid, name }: { uid: string; name: string }) => ({ value: uid, label: name });
  return { runners: runners.data?.items.map(choice) ?? [], nodes: nodes.data?.items.map(choice) ?? [] };
}
