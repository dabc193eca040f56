import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { instanceFilters } from "@/components/utils/fleet/instance-filters";
import { useOrg } from "@/context/OrgContext";
import { askAhead } from "@/lib/ahead";
import { listOrgInstancesOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import { allNodesOptions, allRunnersOptions } from "@/lib/fleet-choices";
import { readListState, toListQuery } from "@/lib/list-state";
import { readScope } from "./scope";

/** The instances that the URL asks for. */
function instancesOf(orgId: string, params: URLSearchParams) {
  const { state, status } = instanceFilters(params);
  const { runner, node } = readScope(params);
  const query = {
    ...toListQuery(readListState(params)),
    ...(state ? { state: [state] } : {}),
    ...(status ? { status: [status] } : {}),
    ...(runner ? { runner_id: runner } : {}),
    ...(node ? { node_id: node } : {}),
  };
  return listOrgInstancesOptions({ path: { org_id: orgId }, query });
}

function choicesOf(orgId: string) {
  return { runners: allRunnersOptions(orgId), nodes: allNodesOptions(orgId) };
}

export function useOrgInstances(params: URLSearchParams) {
  const { orgId } = useOrg();
  return useQuery({ ...instancesOf(orgId, params), placeholderData: keepPreviousData });
}

/** What the list can be narrowed to, by name. */
export function useChoices() {
  const { orgId } = useOrg();
  const options = choicesOf(orgId);
  const runners = useQuery(options.runners);
  const nodes = useQuery(options.nodes);
  const choice = ({ uid, name }: { uid: string; name: string }) => ({ value: uid, label: name });
  return { runners: runners.data?.items.map(choice) ?? [], nodes: nodes.data?.items.map(choice) ?? [] };
}

/** Asks for all of it before the page is there. */
export function askForInstances(orgId: string, params: URLSearchParams): void {
  const { runners, nodes } = choicesOf(orgId);
  void askAhead((client) =>
    Promise.all([
      client.prefetchQuery(instancesOf(orgId, params)),
      client.prefetchQuery(runners),
      client.prefetchQuery(nodes),
    ]),
  );
}
