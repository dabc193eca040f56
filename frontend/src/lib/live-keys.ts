import type { Query } from "@tanstack/react-query";

/**
 * Which queries an event makes old: the table that joins the stream to the cache. Keys are operation ids as
 * the generated client puts them into its query keys.
 */
const INSTANCE_QUERIES = [
  "listInstances",
  "listOrgInstances",
  "readInstance",
  "listInstanceEvents",
  "listRunners",
  "readRunner",
  "readOverview",
] as const;

export const EVENT_QUERIES: Readonly<Record<string, readonly string[]>> = {
  instance_changed: INSTANCE_QUERIES,
  instance_created: [...INSTANCE_QUERIES, "listNodes", "readNode"],
  instance_removed: [...INSTANCE_QUERIES, "listNodes", "readNode"],
  instance_event: ["listInstanceEvents"],
  runner_changed: ["listRunners", "readRunner", "readOverview"],
  node_changed: ["listNodes", "readNode", "readOverview"],
  credential_changed: ["listCredentials", "readCredential"],
  member_changed: ["listMembers", "listInvitations", "readMe", "listOrgs"],
  org_changed: ["readOrg", "listOrgs", "readMe"],
  job_changed: ["listJobs", "readOverview"],
};

/** The queries that an event makes old; an event we do not know may concern any of them. */
export function queriesOf(event: string): readonly string[] | "all" {
  return EVENT_QUERIES[event] ?? "all";
}

/** The operation id in a query's key. */
export function operationOf(query: Query): string | undefined {
  const [head] = query.queryKey;
  if (typeof head !== "object" || head === null || !("_id" in head)) return undefined;
  return typeof head._id === "string" ? head._id : undefined;
}
