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

type State =
  | "pending"
  | "creating"
  | "starting"
  | "running"
  | "draining"
  | "stopping"
  | "stopped"
  | "removed"
  | "failed";
type Status = "online" | "offline" | "busy" | "idle";

const STATES: Record<Exclude<State, "running">, StatusLook> = {
  pending: { word: "Pending", tone: "calm", shape: "dashes", explain: "No worker has taken it yet." },
  creating: {
    word: "Creating",
    tone: "calm",
    shape: "dashes",
    explain: "The image, the registration and the container are being prepared.",
  },
  starting: {
    word: "Starting",
    tone: "calm",
    shape: "dashes",
    explain: "The container runs; the runner has not come online yet.",
  },
  draining: {
    word: "Draining",
    tone: "warn",
    shape: "triangle",
    explain: "It is to go. A job it still runs is never killed.",
  },
  stopping: {
    word: "Stopping",
    tone: "warn",
    shape: "triangle",
    explain: "GitHub no longer knows it; the container is being removed.",
  },
  stopped: {
    word: "Stopped",
    tone: "off",
    shape: "square",
    explain: "No container and no registration. It can be started again.",
  },
  removed: { word: "Removed", tone: "off", shape: "hollow-square", explain: "Gone for good." },
  failed: {
    word: "Failed",
    tone: "bad",
    shape: "diamond",
    explain: "It cannot go on by itself; the reason says what to do.",
  },
};

const STATUSES: Record<Status, StatusLook> = {
  idle: { word: "Idle", tone: "ok", shape: "ring", explain: "Connected to GitHub and waiting for a job." },
  busy: { word: "Active", tone: "active", shape: "disc", explain: "Running a job." },
  online: {
    word: "Online",
    tone: "ok",
    shape: "half",
    explain: "Connected to GitHub; whether it runs a job is not known yet.",
  },
  offline: {
    word: "Offline",
    tone: "off",
    shape: "slash",
    explain: "Not connected to GitHub, or not heard of for five minutes.",
  },
};

const UNKNOWN: StatusLook = {
  word: "Unknown",
  tone: "off",
  shape: "slash",
  explain: "The server sent a status this page does not know.",
};

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

/** A runner over all its instances. */
export function runnerLook(status: string, connected: number | undefined): StatusLook {
  if (status === "busy") return STATUSES.busy;
  if (connected === 0) return { ...STATUSES.offline, explain: "None of its instances is connected to GitHub." };
  return STATUSES.idle;
}

export function nodeLook(status: string, everChecked: boolean): StatusLook {
  if (status === "active")
    return { word: "Ready", tone: "ok", shape: "disc", explain: "Its Docker engine answered the last check." };
  if (!everChecked) return { word: "Checking", tone: "calm", shape: "dashes", explain: "It has not been checked yet." };
  return {
    word: "Unreachable",
    tone: "bad",
    shape: "diamond",
    explain: "Its Docker engine did not answer the last check.",
  };
}

export type InstanceAction = "start" | "stop" | "restart" | "remove";

/** What may be done in which state; the table mirrors the server's transitions. */
const ACTIONS: Record<State, readonly InstanceAction[]> = {
  pending: ["remove"],
  creating: ["stop", "remove"],
  starting: ["stop", "restart", "remove"],
  running: ["stop", "restart", "remove"],
  draining: [],
  stopping: [],
  stopped: ["start", "remove"],
  failed: ["start", "remove"],
  removed: [],
};

/** Why an action is not possible in this state, or null where it is. */
export function whyNot(action: InstanceAction, state: string): string | null {
  const allowed = has(ACTIONS, state) ? ACTIONS[state] : [];
  if (allowed.includes(action)) return null;
  const word = instanceLook(state, "").word.toLowerCase();
  if (state === "running") return "It is running already.";
  if (state === "draining" || state === "stopping") return "It is on its way out; wait until it has stopped.";
  if (state === "removed") return "It is gone.";
  return `Not possible while it is ${word}.`;
}
