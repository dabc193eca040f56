import { describe, expect, it } from "vitest";
import type { InstanceStatus } from "@/lib/api/generated/types.gen";
import { type JobStage, nextStage } from "./sample-job";

const stages = (statuses: InstanceStatus[]) => {
  let stage: JobStage = "waiting";
  return statuses.map((status) => {
    stage = nextStage(stage, status);
    return stage;
  });
};

describe("a sample job", () => {
  it("goes from waiting over active to idle", () => {
    expect(stages(["idle", "idle", "busy", "busy", "idle"])).toEqual([
      "waiting",
      "waiting",
      "active",
      "active",
      "idle",
    ]);
  });

  it("is not done because the runner was lost sight of", () => {
    expect(stages(["busy", "offline", "busy", "online"])).toEqual(["active", "active", "active", "idle"]);
  });

  it("stays done when the runner takes another", () => {
    expect(stages(["busy", "idle", "busy"])).toEqual(["active", "idle", "idle"]);
  });
});
