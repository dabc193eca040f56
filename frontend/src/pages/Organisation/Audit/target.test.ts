import { describe, expect, it } from "vitest";
import { targetOf } from "./target";

describe("the target of an entry", () => {
  it("has the name it had then and leads to its page", () => {
    const runner = { action: "runner.created", target_type: "runner", target_id: "r1", detail: { name: "builder" } };
    expect(targetOf(runner, "o1")).toEqual({ name: "builder", to: "/o/o1/runners/r1" });
    const instance = {
      action: "instance.stopped",
      target_type: "instance",
      target_id: "i1",
      detail: { name: "builder-1", runner_id: "r1" },
    };
    expect(targetOf(instance, "o1")).toEqual({ name: "builder-1", to: "/o/o1/runners/r1/instances/i1" });
    const node = { action: "node.updated", target_type: "node", target_id: "n1", detail: { name: "rack-7" } };
    expect(targetOf(node, "o1").to).toBe("/o/o1/nodes?node=n1");
  });

  it("leads nowhere when it was its end, or nothing says where", () => {
    const gone = { action: "node.deleted", target_type: "node", target_id: "n1", detail: { name: "rack-7" } };
    expect(targetOf(gone, "o1")).toEqual({ name: "rack-7", to: null });
    const bare = { action: "instance.status_reported", target_type: "instance", target_id: "i1", detail: null };
    expect(targetOf(bare, "o1")).toEqual({ name: null, to: null });
    expect(targetOf({ action: "user.updated", detail: {} }, "o1")).toEqual({ name: null, to: null });
  });
});
