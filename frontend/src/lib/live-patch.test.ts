import { describe, expect, it } from "vitest";
import { patchData, patchOf } from "./live-patch";

const event = (change: unknown) => JSON.stringify({ id: "1-0", change });
const changed = event({
  kind: "instance_changed",
  runner_id: "r",
  instance_id: "i1",
  state: "running",
  status: "busy",
});

describe("what an event says by itself", () => {
  it("is the new state and status of what it names", () => {
    expect(patchOf(changed)).toEqual(["i1", { state: "running", status: "busy" }]);
    expect(patchOf(event({ kind: "node_changed", node_id: "n1", status: "inactive" }))).toEqual([
      "n1",
      { status: "inactive" },
    ]);
    for (const data of ["", "{}", event(7), event({ kind: "metrics_sampled", instance_id: "i1" })]) {
      expect(patchOf(data)).toBeNull();
    }
  });

  it("shows in lists and in the single answer, and leaves all others the objects they are", () => {
    const patches = new Map([["i1", { state: "running", status: "busy" }]]);
    const one = { uid: "i1", state: "starting", status: "offline", name: "a" };
    const other = { uid: "i2", state: "running", status: "idle", name: "b" };
    const list = { items: [one, other], total: 2 };
    const after = patchData("listOrgInstances", list, patches) as typeof list;
    expect(after.items[0]).toEqual({ uid: "i1", state: "running", status: "busy", name: "a" });
    expect(after.items[1]).toBe(other);
    expect(patchData("readInstance", one, patches)).toMatchObject({ status: "busy" });
    expect(patchData("readInstance", other, patches)).toBe(other);
    expect(patchData("listRunners", list, patches)).toBe(list);
    expect(patchData("listInstances", { items: [other] }, patches)).toEqual({ items: [other] });
  });
});
