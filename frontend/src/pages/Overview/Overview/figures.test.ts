import { describe, expect, it } from "vitest";
import type { NodeUseView } from "@/lib/api/generated/types.gen";
import { byNeed, partsOf, roomOf } from "./figures";

const states = {
  pending: 1,
  creating: 2,
  starting: 3,
  running: 10,
  draining: 2,
  stopping: 1,
  stopped: 4,
  failed: 5,
};

const node = (name: string, used: number, capacity: number, more: Partial<NodeUseView> = {}): NodeUseView => ({
  uid: name,
  name,
  status: "active",
  is_active: true,
  capacity,
  instances_in_use: used,
  ...more,
});

describe("the fleet in a few numbers", () => {
  it("counts every instance once", () => {
    // 15 start, run or drain: the 3 that start are offline.
    const parts = partsOf({ instances: states, statuses: { busy: 6, idle: 3, online: 1, offline: 5 } });
    const sum = Object.values(states).reduce((total, value) => total + value, 0);
    expect(parts.reduce((total, part) => total + part.value, 0)).toBe(sum);
    expect(parts.find((part) => part.look.word === "Offline")?.value).toBe(2);
    expect(parts.find((part) => part.look.word === "Starting")?.value).toBe(6);
  });

  it("finds room only where something can be placed", () => {
    const nodes = [
      node("a", 2, 10),
      node("b", 0, 10, { is_active: false }),
      node("c", 0, 10, { status: "inactive" }),
      node("d", 12, 10),
    ];
    expect(roomOf(nodes)).toEqual({ used: 14, capacity: 20, free: 6 });
    expect(roomOf([])).toEqual({ used: 0, capacity: 0, free: 0 });
  });

  it("names what needs a look first, then what has most room", () => {
    const nodes = [
      node("paused", 0, 10, { is_active: false }),
      node("full", 10, 10),
      node("gone", 0, 10, { status: "inactive" }),
      node("free", 1, 10),
    ];
    expect(byNeed(nodes).map((each) => each.name)).toEqual(["gone", "free", "full", "paused"]);
  });
});
