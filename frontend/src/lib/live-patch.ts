import type { QueryClient } from "@tanstack/react-query";
import { operationOf } from "@/lib/live-keys";

/**
 * What an event says by itself is shown at once, before anything is asked for again: the row of an instance
 * or a node takes its new state and status. The answer that follows is the truth; this only comes sooner.
 */

/** Where instances and nodes stand in answers: lists by their `items`, a single one by itself. */
const HOLDERS: Readonly<Record<string, { id: "instance_id" | "node_id"; fields: readonly string[] }>> = {
  listInstances: { id: "instance_id", fields: ["state", "status"] },
  listOrgInstances: { id: "instance_id", fields: ["state", "status"] },
  readInstance: { id: "instance_id", fields: ["state", "status"] },
  listNodes: { id: "node_id", fields: ["status"] },
  readNode: { id: "node_id", fields: ["status"] },
};

type Row = Record<string, unknown>;

/** New values, with the id of what they belong to. */
export type Patch = [id: string, values: Row];
export type Patches = ReadonlyMap<string, Row>;

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null;
}

/** The id and the new values that a change carries, where it carries some. */
export function patchOf(data: string): Patch | null {
  try {
    const event: unknown = JSON.parse(data);
    const change = isRow(event) && isRow(event.change) ? event.change : null;
    if (!change) return null;
    const { instance_id: instanceId, node_id: nodeId, state, status } = change;
    if (change.kind === "instance_changed" && typeof instanceId === "string") return [instanceId, { state, status }];
    if (change.kind === "node_changed" && typeof nodeId === "string") return [nodeId, { status }];
    return null;
  } catch {
    return null;
  }
}

function patchRow(row: Row, patches: Patches, fields: readonly string[]): Row {
  const patch = typeof row.uid === "string" ? patches.get(row.uid) : undefined;
  if (!patch) return row;
  const changed = fields.filter((field) => typeof patch[field] === "string" && patch[field] !== row[field]);
  return changed.length === 0 ? row : { ...row, ...Object.fromEntries(changed.map((field) => [field, patch[field]])) };
}

/** The same data with the patches in it; the very same object where none concerns it. */
export function patchData(operation: string, data: unknown, patches: Patches): unknown {
  const holder = Object.hasOwn(HOLDERS, operation) ? HOLDERS[operation] : undefined;
  if (!holder || !isRow(data)) return data;
  if (!Array.isArray(data.items)) return patchRow(data, patches, holder.fields);
  let touched = false;
  const items = data.items.map((row: unknown) => {
    const next = isRow(row) ? patchRow(row, patches, holder.fields) : row;
    touched ||= next !== row;
    return next;
  });
  return touched ? { ...data, items } : data;
}

/** Puts the patches into everything that is cached; what is not concerned is not told. */
export function applyPatches(queryClient: QueryClient, patches: Patches): void {
  for (const query of queryClient.getQueryCache().getAll()) {
    const operation = operationOf(query);
    const before: unknown = query.state.data;
    if (!operation || before === undefined || !query.isActive()) continue;
    const after = patchData(operation, before, patches);
    // How old the answer is stays as it was: it is still the same answer.
    if (after !== before) queryClient.setQueryData(query.queryKey, after, { updatedAt: query.state.dataUpdatedAt });
  }
}
