import type { NodeUseView, Overview } from "@/lib/api/generated/types.gen";
import { instanceLook, type StatusLook } from "@/lib/status";
import { texts } from "@/lib/texts/overview";

export type Part = { look: StatusLook; value: number; search: string };

const STARTING: StatusLook = { ...instanceLook("starting", ""), word: texts.fleet.starting };
const STOPPING: StatusLook = { ...instanceLook("stopping", ""), word: texts.fleet.stopping };

/**
 * All instances, each counted once. The server counts by status whatever starts, runs or drains, and by state
 * everything; one that starts has not come online yet, so it is taken out of those that are offline.
 */
export function partsOf({ instances: states, statuses }: Pick<Overview, "instances" | "statuses">): Part[] {
  return [
    { look: instanceLook("running", "busy"), value: statuses.busy, search: "status=busy" },
    { look: instanceLook("running", "idle"), value: statuses.idle, search: "status=idle" },
    { look: instanceLook("running", "online"), value: statuses.online, search: "status=online" },
    {
      look: STARTING,
      value: states.pending + states.creating + states.starting,
      search: states.pending > 0 ? "state=pending" : states.creating > 0 ? "state=creating" : "state=starting",
    },
    {
      look: instanceLook("running", "offline"),
      value: Math.max(0, statuses.offline - states.starting),
      search: "status=offline&state=running",
    },
    { look: STOPPING, value: states.stopping, search: "state=stopping" },
    { look: instanceLook("failed", ""), value: states.failed, search: "state=failed" },
    { look: instanceLook("stopped", ""), value: states.stopped, search: "state=stopped" },
  ];
}

/** The figures that are always named, even when they are zero. */
export const ALWAYS_NAMED: readonly string[] = ["Active", "Idle", "Offline"];

export type Room = { used: number; capacity: number; free: number };

/** Room counts only where instances can be placed now. */
export function roomOf(nodes: readonly NodeUseView[]): Room {
  const usable = nodes.filter((node) => node.status === "active" && node.is_active);
  const used = usable.reduce((sum, node) => sum + node.instances_in_use, 0);
  const capacity = usable.reduce((sum, node) => sum + node.capacity, 0);
  return { used, capacity, free: Math.max(0, capacity - used) };
}

/** Those that need a look first, then those with most room; where nothing may be placed there is none. */
export function byNeed(nodes: readonly NodeUseView[]): NodeUseView[] {
  const rank = (node: NodeUseView) => (node.status !== "active" ? 0 : node.is_active ? 1 : 2);
  const free = (node: NodeUseView) => node.capacity - node.instances_in_use;
  return [...nodes].sort((a, b) => rank(a) - rank(b) || free(b) - free(a) || a.name.localeCompare(b.name));
}
