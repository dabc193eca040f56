import type { DesiredState, InstanceState, InstanceStatus, RunnerInstances } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/status";
import type { BadgeTone } from "@/lib/tones";

/**
 * Statuses as people see them: a word, a shape and a colour, always together. The words for runners are
 * GitHub's own (Idle, Active, Offline).
 */
export type StatusShape =
  | "ring"
  | "disc"
  | "half"
  | "slash"
  | "dashes"
  | "triangle"
  | "diamond"
  | "square"
  | "hollow-square";

export type StatusLook = { word: string; tone: BadgeTone; shape: StatusShape; explain: string };

type State = InstanceState;
type Status = InstanceStatus;

const STATES: Record<Exclude<State, "running">, StatusLook> = {
  pending: { ...texts.states.pending, tone: "calm", shape: "dashes" },
  creating: { ...texts.states.creating, tone: "calm", shape: "dashes" },
  starting: { ...texts.states.starting, tone: "calm", shape: "dashes" },
  draining: { ...texts.states.draining, tone: "warn", shape: "triangle" },
  stopping: { ...texts.states.stopping, tone: "warn", shape: "triangle" },
  stopped: { ...texts.states.stopped, tone: "off", shape: "square" },
  removed: { ...texts.states.removed, tone: "off", shape: "hollow-square" },
  failed: { ...texts.states.failed, tone: "bad", shape: "diamond" },
};

const STATUSES: Record<Status, StatusLook> = {
  idle: { ...texts.statuses.idle, tone: "ok", shape: "ring" },
  busy: { ...texts.statuses.busy, tone: "active", shape: "disc" },
  online: { ...texts.statuses.online, tone: "ok", shape: "half" },
  offline: { ...texts.statuses.offline, tone: "off", shape: "slash" },
};

const UNKNOWN: StatusLook = { ...texts.unknown, tone: "off", shape: "slash" };

/** What a list can be filtered by, in the order of a life. */
export const INSTANCE_STATES = [
  "pending",
  "creating",
  "starting",
  "running",
  "draining",
  "stopping",
  "stopped",
  "failed",
] as const;
export const INSTANCE_STATUSES = ["busy", "idle", "online", "offline"] as const;

function has<T extends object>(table: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(table, key);
}

/** An instance has two axes; where it runs, what the runner is tells more than its lifecycle. */
export function instanceLook(state: string, status: string): StatusLook {
  if (state === "running") return has(STATUSES, status) ? STATUSES[status] : UNKNOWN;
  return has(STATES, state) ? STATES[state] : UNKNOWN;
}

type RunnerFacts = {
  /** Whether any instance runs a job, also one that is on its way out. */
  status: string;
  instances: RunnerInstances;
};

/** A runner over all its instances: it is what the most useful of them is. */
export function runnerLook({ status, instances: counts }: RunnerFacts): StatusLook {
  if (counts.total === 0) return { ...texts.runner.none, tone: "off", shape: "hollow-square" };
  if (counts.busy > 0 || (status === "busy" && counts.draining > 0)) return STATUSES.busy;
  if (counts.idle > 0) return STATUSES.idle;
  if (counts.online > 0) return STATUSES.online;
  const words = texts.runner.counts;
  const what = [
    [counts.pending + counts.starting, words.starting],
    [counts.offline, words.offline],
    [counts.draining, words.leaving],
    [counts.stopped, words.stopped],
    [counts.failed, words.failed],
  ] as const;
  const explain = texts.runner.offline(what.flatMap(([value, say]) => (value > 0 ? [say(value)] : [])));
  return { ...STATUSES.offline, explain };
}

/** A node that could be used and is not to be is told from one that is; one out of reach needs a look first. */
export function nodeLook(status: string, everChecked: boolean, isOpen = true): StatusLook {
  if (status === "active" && !isOpen) return { ...texts.node.paused, tone: "off", shape: "hollow-square" };
  if (status === "active") return { ...texts.node.ready, tone: "ok", shape: "disc" };
  if (!everChecked) return { ...texts.node.checking, tone: "calm", shape: "dashes" };
  return { ...texts.node.unreachable, tone: "bad", shape: "diamond" };
}

export type InstanceAction = "start" | "stop" | "restart" | "remove";

/** Where it is, and where it is wanted. */
type Whereabouts = { state: InstanceState; desired_state: DesiredState };

const why = texts.whyNot;

/** Why an action is not possible, or null where it is; mirrors `plan` of the server's `instance_actions`. */
export function whyNot(action: InstanceAction, { state, desired_state: desired }: Whereabouts): string | null {
  const isLeaving = state === "draining" || state === "stopping";
  if (state === "removed") return why.removed;
  if (state !== "running" && !has(STATES, state)) return why.unknown;
  if (action === "remove") return null;
  if (isLeaving && desired === "removed") return why.beingRemoved;
  switch (action) {
    case "start":
      if (isLeaving) return desired === "running" ? why.beingRestarted : why.stopFirst;
      if (state === "running") return why.running;
      return state === "stopped" || state === "failed" ? null : why.beingStarted;
    case "stop":
      if (isLeaving) return desired === "running" ? null : why.beingStopped;
      if (state === "stopped") return why.stopped;
      return state === "failed" ? why.failed : null;
    case "restart":
      if (isLeaving) return desired === "running" ? why.beingRestarted : null;
      if (state === "stopped" || state === "failed") return why.notRunning;
      return state === "pending" || state === "creating" ? why.beingStarted : null;
  }
}
