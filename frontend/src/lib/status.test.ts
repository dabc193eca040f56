import { describe, expect, it } from "vitest";
import type { DesiredState, InstanceState, RunnerInstances } from "@/lib/api/generated/types.gen";
import { instanceLook, nodeLook, runnerLook, whyNot } from "./status";

const STATES = [
  "pending",
  "creating",
  "starting",
  "running",
  "draining",
  "stopping",
  "stopped",
  "removed",
  "failed",
] as const satisfies InstanceState[];
const NONE: RunnerInstances = {
  total: 0,
  pending: 0,
  starting: 0,
  idle: 0,
  busy: 0,
  online: 0,
  offline: 0,
  draining: 0,
  stopped: 0,
  failed: 0,
};

function runner(counts: Partial<RunnerInstances>, status = "idle") {
  const total = Object.values(counts).reduce((sum, value) => sum + value, 0);
  return runnerLook({ status, instances: { ...NONE, ...counts, total } });
}

describe("statuses", () => {
  it("use GitHub's own words for runners", () => {
    expect(instanceLook("running", "idle").word).toBe("Idle");
    expect(instanceLook("running", "busy").word).toBe("Active");
    expect(instanceLook("running", "offline").word).toBe("Offline");
  });

  it("never tell two words apart by colour alone", () => {
    const looks = [
      ...STATES.map((state) => instanceLook(state, "idle")),
      instanceLook("running", "busy"),
      instanceLook("running", "offline"),
      nodeLook("active", true),
      nodeLook("active", true, false),
      nodeLook("inactive", true),
    ];
    expect(looks.every((look) => look.word.length > 0 && look.shape.length > 0 && look.explain.length > 0)).toBe(true);
    expect(instanceLook("running", "idle").shape).not.toBe(instanceLook("running", "busy").shape);
    expect(instanceLook("running", "idle").shape).not.toBe(instanceLook("running", "offline").shape);
  });

  it("tell a node that takes nothing from one that does, and from one out of reach", () => {
    expect(nodeLook("active", true, false).word).toBe("Paused");
    expect(nodeLook("active", true, true).word).toBe("Ready");
    expect(nodeLook("inactive", true, false).word).toBe("Unreachable");
  });

  it("survive words they do not know", () => {
    expect(instanceLook("teleported", "idle").word).toBe("Unknown");
    expect(instanceLook("running", "constructor").word).toBe("Unknown");
    expect(instanceLook("toString", "idle").word).toBe("Unknown");
  });
});

describe("a runner", () => {
  it.each([
    ["Active", { busy: 1, idle: 3, failed: 1 }, "busy"],
    ["Idle", { idle: 1, offline: 4 }, "idle"],
    ["Online", { online: 1, offline: 1 }, "idle"],
    ["Offline", { offline: 2, failed: 1 }, "idle"],
    ["Offline", { failed: 2 }, "idle"],
    ["Offline", { starting: 1 }, "idle"],
    ["Active", { draining: 1 }, "busy"],
    ["Offline", { draining: 1 }, "idle"],
    ["No instances", {}, "idle"],
  ] as const)("is %s with %j", (word, counts, status) => {
    expect(runner(counts, status).word).toBe(word);
  });

  it("says why it is offline", () => {
    expect(runner({ offline: 1, failed: 2 }).explain).toBe(
      "None of its instances is connected to GitHub: 1 is offline, 2 have failed.",
    );
  });
});

describe("what may be done", () => {
  type Possible = Record<"start" | "stop" | "restart" | "remove", readonly InstanceState[]>;
  const MAY_REMOVE = STATES.filter((state) => state !== "removed");

  // As `plan` in api/src/services/instance_actions.rs.
  it.each<[DesiredState, Possible]>([
    [
      "running",
      {
        start: ["stopped", "failed"],
        stop: ["pending", "creating", "starting", "running", "draining", "stopping"],
        restart: ["starting", "running"],
        remove: MAY_REMOVE,
      },
    ],
    [
      "stopped",
      {
        start: ["stopped", "failed"],
        stop: ["pending", "creating", "starting", "running"],
        restart: ["starting", "running", "draining", "stopping"],
        remove: MAY_REMOVE,
      },
    ],
    [
      "removed",
      {
        start: ["stopped", "failed"],
        stop: ["pending", "creating", "starting", "running"],
        restart: ["starting", "running"],
        remove: MAY_REMOVE,
      },
    ],
  ])("where it is wanted %s is what the server allows, and else says why not", (desired_state, possible) => {
    for (const action of ["start", "stop", "restart", "remove"] as const) {
      const reasons = STATES.map((state) => ({ state, reason: whyNot(action, { state, desired_state }) }));
      expect(reasons.filter(({ reason }) => reason === null).map(({ state }) => state)).toEqual(
        possible[action].toSorted(byLife),
      );
      for (const { reason } of reasons) expect(reason === null || reason.endsWith(".")).toBe(true);
    }
  });

  it("is nothing in a state that is not known", () => {
    expect(whyNot("remove", { state: "teleported" as InstanceState, desired_state: "running" })).not.toBeNull();
  });
});

function byLife(a: InstanceState, b: InstanceState): number {
  return STATES.indexOf(a) - STATES.indexOf(b);
}
