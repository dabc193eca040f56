import { describe, expect, it } from "vitest";
import { backTo, currentStep, readProgress } from "./steps";

const stepOf = (search: string) => currentStep(readProgress(new URLSearchParams(search)));

describe("the steps of the onboarding", () => {
  it("follow from what is known, so that a reload changes nothing", () => {
    expect(stepOf("")).toBe("organisation");
    expect(stepOf("org=1")).toBe("node");
    expect(stepOf("org=1&node=2")).toBe("node");
    expect(stepOf("org=1&node=2&node_done=1")).toBe("github");
    expect(stepOf("org=1&node_done=1&credential=none")).toBe("runner");
    expect(stepOf("org=1&node_done=1&credential=3&runner=4")).toBe("instance");
    expect(stepOf("org=1&node_done=1&credential=3&runner=4&instance=5")).toBe("instance");
  });

  it("can be gone back to while nothing was made of them", () => {
    const back = (step: Parameters<typeof backTo>[0], search: string) =>
      backTo(step, readProgress(new URLSearchParams(search)));
    expect(back("node", "org=1&node=2&node_done=1")).toEqual({ node: null, node_done: null });
    expect(back("github", "org=1&node_done=1&credential=3")).toEqual({ credential: null, sandbox: null });
    expect(back("github", "org=1&node_done=1")).toBeNull();
    expect(back("github", "org=1&node_done=1&credential=3&runner=4")).toBeNull();
    expect(back("organisation", "org=1&node_done=1&credential=3")).toBeNull();
    expect(back("runner", "org=1&node_done=1&credential=3&runner=4")).toBeNull();
  });

  it("never skip the organisation", () => {
    expect(stepOf("runner=4&instance=5")).toBe("organisation");
  });
});
