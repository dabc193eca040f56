import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { useInvalidate } from "@/hooks/useInvalidate";
import {
  checkNodeMutation,
  createCredentialMutation,
  createInstanceMutation,
  createNodeMutation,
  createOrgMutation,
  createRunnerMutation,
  listCredentialsOptions,
  listInstanceEventsOptions,
  listNodesOptions,
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
import { createNode, deleteNode, listNodes } from "@/lib/api/generated/sdk.gen";
import { keepTokens } from "@/lib/auth-session";
import { together } from "@/lib/choices";
import { isMissing } from "@/lib/problem";
import { TELLS_FAILURE } from "@/lib/query-client";
import { freeName, nodeWithSocket } from "./known";

/** One looks at it and waits, so it is asked for more often than elsewhere. */
const WATCH_MS = 1_000;
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
  const options = { path: { org_id: orgId }, query: { limit: 100 } };
  const enabled = orgId !== "";
  const nodes = useQuery({ ...listNodesOptions(options), enabled });
  const credentials = useQuery({ ...listCredentialsOptions(options), enabled });
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

export const LOCAL_SOCKET = "/var/run/docker.sock";
const LOCAL_NAME = "this-machine";

type LocalEngine = { uid: string; isNew: boolean };

/**
 * The node of this machine's engine. Only a node can be checked, so one is added where there is none: paused, so
 * that nothing is placed on it before somebody takes it.
 */
async function findOrAddLocal(org_id: string): Promise<LocalEngine> {
  const path = { org_id };
  const { data } = await listNodes({ path, query: { limit: 100 }, throwOnError: true });
  const existing = nodeWithSocket(data.items, LOCAL_SOCKET);
  if (existing) return { uid: existing.uid, isNew: false };
  const name = freeName(LOCAL_NAME, data.items);
  const body = { name, type: "socket", socket_path: LOCAL_SOCKET, is_active: false } as const;
  const { data: made } = await createNode({ path, body, throwOnError: true });
  return { uid: made.uid, isNew: true };
}

export function useLocalEngine(orgId: string) {
  const queryClient = useQueryClient();
  const invalidate = useInvalidate();
  const refresh = () => invalidate("listNodes", "readNode");
  const queryKey = React.useMemo(() => ["local-engine", orgId], [orgId]);
  const found = useQuery({
    queryKey,
    queryFn: () => findOrAddLocal(orgId),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
  });
  const node = useQuery({
    ...readNodeOptions({ path: { org_id: orgId, node_id: found.data?.uid ?? "" } }),
    enabled: found.data !== undefined,
    refetchInterval: WATCH_MS,
  });
  const check = useMutation({ ...checkNodeMutation(), meta: TELLS_FAILURE, onSuccess: refresh });
  const take = useMutation({
    ...updateNodeMutation(),
    onSuccess: (taken) => {
      queryClient.setQueryData<LocalEngine>(queryKey, { uid: taken.uid, isNew: false });
      return refresh();
    },
  });

  /** Removes what was added only to be checked. If that fails, a paused node stays in the list, to be removed there. */
  const giveUp = React.useCallback(() => {
    const added = queryClient.getQueryData<LocalEngine>(queryKey);
    if (!added?.isNew) return;
    queryClient.removeQueries({ queryKey });
    void deleteNode({ path: { org_id: orgId, node_id: added.uid } }).then(
      () => invalidate("listNodes"),
      () => undefined,
    );
  }, [queryClient, queryKey, orgId, invalidate]);
  return {
    node: node.data,
    error: found.error ?? (node.data ? null : node.error),
    retry: () => void (found.error ? found.refetch() : node.refetch()),
    check,
    take,
    giveUp,
  };
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
