import type { NodeView, RunnerView } from "@/lib/api/generated/types.gen";

export type Figures = {
  runners: { active: number; idle: number; offline: number };
  instances: number;
  room: { used: number; capacity: number };
  nodes: { ready: number; unreachable: number; unchecked: number };
};

/** The fleet in a few numbers. Room counts only where instances can be placed now. */
export function figuresOf(runners: readonly RunnerView[], nodes: readonly NodeView[]): Figures {
  const usable = nodes.filter((node) => node.status === "active" && node.is_active);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    runners: {
      active: runners.filter((runner) => runner.status === "busy").length,
      idle: runners.filter((runner) => runner.status !== "busy" && runner.instances_in_use > 0).length,
      offline: runners.filter((runner) => runner.status !== "busy" && runner.instances_in_use === 0).length,
    },
    instances: sum(runners.map((runner) => runner.instances_in_use)),
    room: {
      used: sum(usable.map((node) => node.instances_in_use)),
      capacity: sum(usable.map((node) => node.capacity)),
    },
    nodes: {
      ready: nodes.filter((node) => node.status === "active").length,
      unreachable: nodes.filter((node) => node.status !== "active" && node.last_checked_at !== undefined).length,
      unchecked: nodes.filter((node) => node.status !== "active" && node.last_checked_at === undefined).length,
    },
  };
}
