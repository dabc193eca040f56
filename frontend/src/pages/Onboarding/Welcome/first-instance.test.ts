import { describe, expect, it } from "vitest";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { stageOf } from "./first-instance";

type Known = Pick<InstanceView, "state" | "status" | "desired_state">;
const known = (
  state: Known["state"],
  desired_state: Known["desired_state"] = "running",
  status: Known["status"] = "idle",
): Known => ({ state, status, desired_state });
const here = { isMissing: false, isEphemeral: true };

describe("the first instance", () => {
  it("is made ready, then live, or fails", () => {
    for (const state of ["pending", "creating", "starting"] as const)
      expect(stageOf(known(state), here)).toBe("starting");
    expect(stageOf(known("running", "running", "offline"), here)).toBe("starting");
    expect(stageOf(known("running", "running", "busy"), here)).toBe("live");
    expect(stageOf(known("failed"), here)).toBe("failed");
  });

  it("has done its job when it leaves, and when the server has forgotten it", () => {
    for (const state of ["draining", "stopping", "removed"] as const) {
      expect(stageOf(known(state, "removed"), here)).toBe("done");
    }
    expect(stageOf(known("running"), { ...here, isMissing: true })).toBe("done");
  });

  it("is only gone where no job explains it", () => {
    expect(stageOf(known("stopping", "stopped"), here)).toBe("gone");
    expect(stageOf(known("stopped", "stopped"), here)).toBe("gone");
    expect(stageOf(known("draining", "removed"), { ...here, isEphemeral: false })).toBe("gone");
    expect(stageOf(known("running"), { isMissing: true, isEphemeral: false })).toBe("gone");
    expect(stageOf(known("failed"), { ...here, isMissing: true })).toBe("gone");
  });

  it("comes back from a restart", () => {
    expect(stageOf(known("draining", "running"), here)).toBe("starting");
  });
});
