import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { useInvalidate } from "@/hooks/useInvalidate";
import { checkNodeMutation, readNodeOptions, updateNodeMutation } from "@/lib/api/generated/@tanstack/react-query.gen";
import { createNode, deleteNode, listNodes, readOverview } from "@/lib/api/generated/sdk.gen";
import type { NodeCreate } from "@/lib/api/generated/types.gen";
import { everyPage } from "@/lib/every-page";
import { TELLS_FAILURE } from "@/lib/query-client";
import { freeName, hostOf, nodeOnHost, nodeWithSocket } from "./known";
import { checkStage } from "./node-check";
import { WATCH_MS } from "./service";

export const LOCAL_SOCKET = "/var/run/docker.sock";
const LOCAL_NAME = "this-machine";

/**
 * The two ways to the engine beside the worker: by the usual socket, and, where that fails, as the worker itself finds
 * it, which knows of rootless engines and of `DOCKER_HOST`.
 */
type Way = "socket" | "host";
type LocalEngine = { uid: string; isNew: boolean };

/**
 * The node of this machine's engine, or null where there is no such way. Only a node can be checked, so one is added
 * where there is none: paused, so that nothing is placed on it before somebody takes it.
 */
async function findOrAdd(org_id: string, way: Way): Promise<LocalEngine | null> {
  const path = { org_id };
  let wanted: Pick<NodeCreate, "type" | "socket_path" | "host"> = { type: "socket", socket_path: LOCAL_SOCKET };
  if (way === "host") {
    const { data } = await readOverview({ path, throwOnError: true });
    const host = hostOf(data.workers ?? []);
    if (host === null) return null;
    wanted = { type: "local", host };
  }
  const { items } = await everyPage(async (query) => (await listNodes({ path, query, throwOnError: true })).data);
  const existing = wanted.host === undefined ? nodeWithSocket(items, LOCAL_SOCKET) : nodeOnHost(items, wanted.host);
  if (existing) return { uid: existing.uid, isNew: false };
  const body = { ...wanted, name: freeName(LOCAL_NAME, items), is_active: false };
  const { data: made } = await createNode({ path, body, throwOnError: true });
  return { uid: made.uid, isNew: true };
}

const keyOf = (orgId: string, way: Way) => ["local-engine", orgId, way];

/** One of the ways, watched until its check has come out. */
function useWay(orgId: string, way: Way, enabled: boolean) {
  const found = useQuery({
    queryKey: keyOf(orgId, way),
    queryFn: () => findOrAdd(orgId, way),
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
  });
  const uid = found.data?.uid;
  const node = useQuery({
    ...readNodeOptions({ path: { org_id: orgId, node_id: uid ?? "" } }),
    enabled: uid !== undefined,
    refetchInterval: WATCH_MS,
  });
  const isSettled = found.data === null || found.isError || node.isError;
  return { found, node, engine: found.data ?? null, hasFailed: hasFailed(node.data), isSettled };
}

type Checked = Parameters<typeof checkStage>[0];
const hasFailed = (node: Checked | undefined) => node !== undefined && checkStage(node, 0) === "failed";

export function useLocalEngine(orgId: string) {
  const queryClient = useQueryClient();
  const invalidate = useInvalidate();
  const refresh = () => invalidate("listNodes", "readNode");
  const socket = useWay(orgId, "socket", true);
  const host = useWay(orgId, "host", socket.hasFailed);
  const ways = [socket, host];
  // The other way counts while it may still lead somewhere; where neither does, the socket's checks say what helps.
  const isOther = socket.hasFailed && !host.hasFailed && !host.isSettled;
  const shown = isOther ? host : socket;

  const checkOne = useMutation({ ...checkNodeMutation(), meta: TELLS_FAILURE, onSuccess: refresh });
  const take = useMutation({
    ...updateNodeMutation(),
    onSuccess: (taken) => {
      for (const way of ["socket", "host"] as const) {
        queryClient.setQueryData<LocalEngine | null>(keyOf(orgId, way), (known) =>
          known?.uid === taken.uid ? { ...known, isNew: false } : known,
        );
      }
      return refresh();
    },
  });

  /** Removes what was added only to be checked. If that fails, a paused node stays in the list, to be removed there. */
  const giveUp = React.useCallback(() => {
    for (const way of ["socket", "host"] as const) {
      const queryKey = keyOf(orgId, way);
      const added = queryClient.getQueryData<LocalEngine | null>(queryKey);
      if (!added?.isNew) continue;
      queryClient.removeQueries({ queryKey });
      void deleteNode({ path: { org_id: orgId, node_id: added.uid } }).then(
        () => invalidate("listNodes"),
        () => undefined,
      );
    }
  }, [queryClient, orgId, invalidate]);
  return {
    node: shown.node.data,
    /** What is looked at here, or was added for that, is nothing to choose elsewhere on the page. */
    own: ways.flatMap(({ engine }) => (engine && (engine.isNew || engine === shown.engine) ? [engine.uid] : [])),
    error: socket.found.error ?? (shown.node.data ? null : shown.node.error),
    retry: () => void (socket.found.error ? socket.found.refetch() : shown.node.refetch()),
    isChecking: checkOne.isPending,
    check: () => {
      for (const { engine } of ways) {
        if (engine) checkOne.mutate({ path: { org_id: orgId, node_id: engine.uid } });
      }
    },
    take,
    giveUp,
  };
}
