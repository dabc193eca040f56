import type { Query } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { EVERYTHING, isMarked, marksOf } from "./live-keys";

const query = (operation: string, path: Record<string, string>) =>
  ({ queryKey: [{ _id: operation, baseUrl: "http://x", path }] }) as unknown as Query;

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

  it("is everything where the change is not understood", () => {
    for (const data of ["", "no json", "{}", '{"change":{"kind":"future_thing"}}', '{"change":7}']) {
      expect(marksOf(data)).toEqual([EVERYTHING]);
    }
    expect(isMarked(query("listMembers", { org_id: "o" }), new Set([EVERYTHING]))).toBe(true);
    expect(isMarked({ queryKey: ["session"] } as unknown as Query, new Set([EVERYTHING]))).toBe(false);
  });
});
