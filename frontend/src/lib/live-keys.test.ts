import type { Query } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { EVERYTHING, isMarked, marksOf } from "./live-keys";

const query = (operation: string, path: Record<string, string>, dataUpdatedAt = 0) =>
  ({ queryKey: [{ _id: operation, baseUrl: "http://x", path }], state: { dataUpdatedAt } }) as unknown as Query;

const change = { kind: "instance_changed", runner_id: "r1", instance_id: "i1", state: "running", status: "idle" };
const marks = new Set(marksOf(JSON.stringify({ id: "1-0", event: "change", change })));

describe("what a change makes old", () => {
  it("is the instance, its lists and its runner, and no other's", () => {
    expect(isMarked(query("readInstance", { org_id: "o", runner_id: "r1", instance_id: "i1" }), marks)).toBe(true);
    expect(isMarked(query("listInstances", { org_id: "o", runner_id: "r1" }), marks)).toBe(true);
    expect(isMarked(query("listRunners", { org_id: "o" }), marks)).toBe(true);
    expect(isMarked(query("readInstance", { org_id: "o", runner_id: "r1", instance_id: "i2" }), marks)).toBe(false);
    expect(isMarked(query("listInstances", { org_id: "o", runner_id: "r2" }), marks)).toBe(false);
    expect(isMarked(query("listMembers", { org_id: "o" }), marks)).toBe(false);
  });

  it("is the timeline of the runner, and of any node", () => {
    for (const kind of ["instance_changed", "instance_noted"]) {
      const noted = new Set(marksOf(JSON.stringify({ change: { kind, runner_id: "r1", instance_id: "i1" } })));
      expect(isMarked(query("listRunnerEvents", { org_id: "o", runner_id: "r1" }), noted)).toBe(true);
      expect(isMarked(query("listRunnerEvents", { org_id: "o", runner_id: "r2" }), noted)).toBe(false);
      expect(isMarked(query("listNodeEvents", { org_id: "o", node_id: "n1" }), noted)).toBe(true);
    }
  });

  it("is a chart of many instances, but not again before it has rested", () => {
    const sampled = { kind: "metrics_sampled", runner_id: "r1", instance_id: "i1" };
    const found = new Set(marksOf(JSON.stringify({ change: sampled })));
    const asked = (operation: string, path: Record<string, string>, age: number) =>
      isMarked(query(operation, path, 100_000 - age), found, 100_000);
    expect(asked("readRunnerMetrics", { runner_id: "r1" }, 12_000)).toBe(true);
    expect(asked("readRunnerMetrics", { runner_id: "r2" }, 12_000)).toBe(false);
    expect(asked("readNodeMetrics", { node_id: "n1" }, 12_000)).toBe(true);
    expect(asked("readRunnerMetrics", { runner_id: "r1" }, 8_000)).toBe(false);
    expect(asked("readNodeMetrics", { node_id: "n1" }, 8_000)).toBe(false);
    expect(asked("readInstanceMetrics", { instance_id: "i1" }, 0)).toBe(true);
    expect(isMarked(query("readNodeMetrics", {}, 100_000), new Set([EVERYTHING]), 100_000)).toBe(true);
  });

  it("is everything where the change is not understood", () => {
    for (const data of ["", "no json", "{}", '{"change":{"kind":"future_thing"}}', '{"change":7}']) {
      expect(marksOf(data)).toEqual([EVERYTHING]);
    }
    expect(isMarked(query("listMembers", { org_id: "o" }), new Set([EVERYTHING]))).toBe(true);
    expect(isMarked({ queryKey: ["session"] } as unknown as Query, new Set([EVERYTHING]))).toBe(false);
  });
});
