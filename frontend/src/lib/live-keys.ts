import type { Query } from "@tanstack/react-query";

/**
 * Which queries a change makes old: the table that joins the stream to the cache. Operations are named as in
 * the generated query keys; behind some stands the id that their path must hold.
 */
type IdName = "runner_id" | "instance_id" | "node_id" | "credential_id";
type Target = { operation: string; of?: IdName };

const INSTANCE: Target[] = [
  { operation: "readInstance", of: "instance_id" },
  { operation: "listInstanceEvents", of: "instance_id" },
];
/** The timelines of all instances of a runner and of a node; of which node an event speaks, it does not say. */
const SHARED_EVENTS: Target[] = [{ operation: "listRunnerEvents", of: "runner_id" }, { operation: "listNodeEvents" }];
const OVERVIEW: Target = { operation: "readOverview" };
const RUNNER: Target[] = [{ operation: "listRunners" }, { operation: "readRunner", of: "runner_id" }];

export const CHANGE_TARGETS: Readonly<Record<string, readonly Target[]>> = {
  instance_changed: [
    ...INSTANCE,
    ...SHARED_EVENTS,
    ...RUNNER,
    { operation: "listInstances", of: "runner_id" },
    { operation: "listOrgInstances" },
    OVERVIEW,
    // It may have taken or given back room on a node.
    { operation: "listNodes" },
    { operation: "readNode" },
  ],
  instance_noted: [...INSTANCE, ...SHARED_EVENTS],
  metrics_sampled: [
    { operation: "readInstanceMetrics", of: "instance_id" },
    { operation: "readInstance", of: "instance_id" },
    { operation: "readRunnerMetrics", of: "runner_id" },
    { operation: "readNodeMetrics" },
  ],
  runner_changed: [...RUNNER, OVERVIEW],
  node_changed: [{ operation: "listNodes" }, { operation: "readNode", of: "node_id" }, OVERVIEW],
  credential_changed: [{ operation: "listCredentials" }, { operation: "readCredential", of: "credential_id" }],
  member_changed: [{ operation: "listMembers" }, { operation: "readMember" }, { operation: "readMe" }],
  invitations_changed: [{ operation: "listInvitations" }],
  org_changed: [{ operation: "readOrg" }, { operation: "listOrgs" }, { operation: "readMe" }],
};

/**
 * Answers that are put together from the samples of many instances, each of which tells of itself: asked for again at
 * most this often. They are so anyway after a while, so that none is forgotten.
 */
const REST_MS: Readonly<Record<string, number>> = { readRunnerMetrics: 10_000, readNodeMetrics: 10_000 };

/** Stands for every query there is. */
export const EVERYTHING = "*";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The change in an event. Read by hand: this is part of the first load, and a schema library is not. */
function readChange(data: string): Record<string, unknown> | null {
  try {
    const event: unknown = JSON.parse(data);
    return isRecord(event) && isRecord(event.change) ? event.change : null;
  } catch {
    return null;
  }
}

/** What a `change` event makes old, as marks; a change we do not understand may concern anything. */
export function marksOf(data: string): string[] {
  const change = readChange(data);
  const kind = change?.kind;
  if (!change || typeof kind !== "string" || !Object.hasOwn(CHANGE_TARGETS, kind)) return [EVERYTHING];
  return (CHANGE_TARGETS[kind] ?? []).map(({ operation, of }) => {
    const id = of ? change[of] : undefined;
    return typeof id === "string" ? `${operation} ${id}` : operation;
  });
}

type KeyHead = { operation: string; ids: string[] };

function keyHead(query: Query): KeyHead | undefined {
  const [head] = query.queryKey;
  if (typeof head !== "object" || head === null || !("_id" in head) || typeof head._id !== "string") return undefined;
  const path = "path" in head && typeof head.path === "object" && head.path !== null ? head.path : {};
  return { operation: head._id, ids: Object.values(path).filter((id) => typeof id === "string") };
}

/** The operation id in a query's key. */
export function operationOf(query: Query): string | undefined {
  return keyHead(query)?.operation;
}

/** Whether a query is among those marked, and is not at rest. */
export function isMarked(query: Query, marks: ReadonlySet<string>, now = Date.now()): boolean {
  const head = keyHead(query);
  if (!head) return false;
  if (marks.has(EVERYTHING)) return true;
  if (now - query.state.dataUpdatedAt < (REST_MS[head.operation] ?? 0)) return false;
  return marks.has(head.operation) || head.ids.some((id) => marks.has(`${head.operation} ${id}`));
}
