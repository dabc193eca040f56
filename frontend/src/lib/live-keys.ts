import type { Query } from "@tanstack/react-query";
import { z } from "zod";

/**
 * Which queries a change makes old: the table that joins the stream to the cache. Operations are named as in
 * the generated query keys; behind some stands the id that their path must hold.
 */
type IdName = "runner_id" | "instance_id" | "node_id";
type Target = { operation: string; of?: IdName };

const INSTANCE: Target[] = [
  { operation: "readInstance", of: "instance_id" },
  { operation: "listInstanceEvents", of: "instance_id" },
];
const RUNNER: Target[] = [{ operation: "listRunners" }, { operation: "readRunner", of: "runner_id" }];

export const CHANGE_TARGETS: Readonly<Record<string, readonly Target[]>> = {
  instance_changed: [
    ...INSTANCE,
    ...RUNNER,
    { operation: "listInstances", of: "runner_id" },
    // It may have taken or given back room on a node.
    { operation: "listNodes" },
    { operation: "readNode" },
  ],
  instance_noted: INSTANCE,
  metrics_sampled: [
    { operation: "readInstanceMetrics", of: "instance_id" },
    { operation: "readInstance", of: "instance_id" },
  ],
  runner_changed: RUNNER,
  node_changed: [{ operation: "listNodes" }, { operation: "readNode", of: "node_id" }],
};

/** Stands for every query there is. */
export const EVERYTHING = "*";

const eventSchema = z.object({
  change: z.object({
    kind: z.string(),
    runner_id: z.string().optional(),
    instance_id: z.string().optional(),
    node_id: z.string().optional(),
  }),
});

/** What a `change` event makes old, as marks; a change we do not understand may concern anything. */
export function marksOf(data: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return [EVERYTHING];
  }
  const event = eventSchema.safeParse(parsed);
  const targets = event.success ? CHANGE_TARGETS[event.data.change.kind] : undefined;
  if (!event.success || !targets) return [EVERYTHING];
  return targets.map(({ operation, of }) => {
    const id = of ? event.data.change[of] : undefined;
    return id ? `${operation} ${id}` : operation;
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

/** Whether a query is among those marked. */
export function isMarked(query: Query, marks: ReadonlySet<string>): boolean {
  const head = keyHead(query);
  if (!head) return false;
  return (
    marks.has(EVERYTHING) || marks.has(head.operation) || head.ids.some((id) => marks.has(`${head.operation} ${id}`))
  );
}
