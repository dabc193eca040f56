import { useMutation, useQuery } from "@tanstack/react-query";
import { useInvalidate } from "@/hooks/useInvalidate";
import {
  checkNodeMutation,
  createCredentialMutation,
  createInstanceMutation,
  createNodeMutation,
  createOrgMutation,
  createRunnerMutation,
  listInstanceEventsOptions,
  onboardMutation,
  readConfigOptions,
  readInstanceOptions,
  readNodeOptions,
  readRunnerOptions,
  runSampleJobMutation,
  startInstanceMutation,
  updateNodeMutation,
  updateRunnerMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import { keepTokens } from "@/lib/auth-session";
import { together } from "@/lib/choices";
import { allCredentialsOptions, allNodesOptions } from "@/lib/fleet-choices";
import { isMissing } from "@/lib/problem";
import { TELLS_FAILURE } from "@/lib/query-client";

/** One looks at it and waits, so it is asked for more often than elsewhere. */
export const WATCH_MS = 1_000;
/** What is gone does not come back. */
const watched = (query: { state: { error: unknown } }) => (isMissing(query.state.error) ? false : WATCH_MS);

export function useConfig() {
  return useQuery({ ...readConfigOptions(), refetchInterval: false });
}

/** Makes the first account with its organisation, or the first organisation of the signed-in user. */
export function useOnboard(onMade: (orgId: string) => void) {
  const invalidate = useInvalidate();
  return useMutation({
    ...onboardMutation(),
    onSuccess: async (answer) => {
      onMade(answer.org.uid);
      keepTokens(answer);
      await invalidate("readMe", "readConfig");
    },
  });
}

export function useCreateOrg(onMade: (orgId: string) => void) {
  const invalidate = useInvalidate();
  return useMutation({
    ...createOrgMutation(),
    onSuccess: async (org) => {
      onMade(org.uid);
      await invalidate("readMe");
    },
  });
}

export function useFleetChoices(orgId: string) {
  const enabled = orgId !== "";
  const nodes = useQuery({ ...allNodesOptions(orgId), enabled });
  const credentials = useQuery({ ...allCredentialsOptions(orgId), enabled });
  return { nodes, credentials, both: together({ nodes, credentials }) };
}

export function useNodeStep(orgId: string, nodeId: string | null) {
  const invalidate = useInvalidate();
  const refresh = () => invalidate("listNodes", "readNode");
  const node = useQuery({
    ...readNodeOptions({ path: { org_id: orgId, node_id: nodeId ?? "" } }),
    enabled: nodeId !== null,
    refetchInterval: WATCH_MS,
  });
  const create = useMutation({ ...createNodeMutation(), onSuccess: refresh });
  const check = useMutation({ ...checkNodeMutation(), meta: TELLS_FAILURE, onSuccess: refresh });
  const update = useMutation({ ...updateNodeMutation(), onSuccess: refresh });
  return { node, create, update, check };
}

export function useCreateCredential() {
  const invalidate = useInvalidate();
  return useMutation({ ...createCredentialMutation(), onSuccess: () => invalidate("listCredentials") });
}

export function useCreateRunner() {
  const invalidate = useInvalidate();
  return useMutation({ ...createRunnerMutation(), onSuccess: () => invalidate("listRunners") });
}

export function useInstanceStep(orgId: string, runnerId: string, instanceId: string | null) {
  const path = { org_id: orgId, runner_id: runnerId, instance_id: instanceId ?? "" };
  const enabled = instanceId !== null;
  const runner = useQuery(readRunnerOptions({ path: { org_id: orgId, runner_id: runnerId } }));
  const instance = useQuery({ ...readInstanceOptions({ path }), enabled, refetchInterval: watched });
  const events = useQuery({
    ...listInstanceEventsOptions({ path, query: { limit: 20, sort: "-created_at" } }),
    enabled,
    refetchInterval: watched,
  });
  const invalidate = useInvalidate();
  const create = useMutation(createInstanceMutation());
  const restart = useMutation({
    ...startInstanceMutation(),
    onSuccess: () => invalidate("readInstance", "listInstanceEvents"),
  });
  const update = useMutation({ ...updateRunnerMutation(), onSuccess: () => invalidate("readRunner", "listRunners") });
  return { runner, instance, events, create, update, restart };
}

export function useSampleJob() {
  return useMutation(runSampleJobMutation());
}
