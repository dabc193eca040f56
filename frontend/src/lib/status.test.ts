import { describe, expect, it } from "vitest";
import { instanceLook, nodeLook, runnerLook, whyNot } from "./status";

const STATES = ["pending", "creating", "starting", "running", "draining", "stopping", "stopped", "removed", "failed"];

describe("statuses", () => {
  it("use GitHub's own words for runners", () => {
    expect(instanceLook("running", "idle").word).toBe("Idle");
    expect(instanceLook("running", "busy").word).toBe("Active");
    expect(instanceLook("running", "offline").word).toBe("Offline");
    expect(runnerLook("busy", 1).word).toBe("Active");
    expect(runnerLook("idle", 0).word).toBe("Offline");
  });

  it("never tell two words apart by colour alone", () => {
    const looks = [
      ...STATES.map((state) => instanceLook(state, "idle")),
      instanceLook("running", "busy"),
      instanceLook("running", "offline"),
      nodeLook("active", true),
      nodeLook("inactive", true),
    ];
    expect(looks.every((look) => look.word.length > 0 && look.shape.length > 0 && look.explain.length > 0)).toBe(true);
    expect(instanceLook("running", "idle").shape).not.toBe(instanceLook("running", "busy").shape);
    expect(instanceLook("running", "idle").shape).not.toBe(instanceLook("running", "offline").shape);
  });

  it("survive words they do not know", () => {
    expect(instanceLook("teleported", "idle").word).toBe("Unknown");
    expect(instanceLook("running", "constructor").word).toBe("Unknown");
    expect(instanceLook("toString", "idle").word).toBe("Unknown");
  });
});

describe("what may be done", () => {
  it("says why not, in every state", () => {
    for (const state of STATES) {
      for (const action of ["start", "stop", "restart", "remove"] as const) {
        const reason = whyNot(action, state);
        expect(reason === null || reason.endsWith(".")).toBe(true);
      }
    }
    expect(whyNot("stop", "running")).toBeNull();
    expect(whyNot("start", "running")).toBe("It is running already.");
    expect(whyNot("start", "failed")).toBeNull();
    expect(whyNot("remove", "removed")).toBe("It is gone.");
  });
});
