import { describe, expect, it } from "vitest";
import { columnChoicesSchema, isShown } from "./columns";

const phone = { high: true, mid: false, low: false };
const wide = { high: true, mid: true, low: true };

describe("a list's columns", () => {
  it("give way on a phone, but for those somebody chose", () => {
    expect(isShown({ id: "size", priority: "low" }, {}, wide)).toBe(true);
    expect(isShown({ id: "size", priority: "low" }, {}, phone)).toBe(false);
    expect(isShown({ id: "size", priority: "low" }, { size: true }, phone)).toBe(true);
    expect(isShown({ id: "size" }, {}, phone)).toBe(true);
  });

  it("stay hidden when they are chosen away, or until they are chosen", () => {
    expect(isShown({ id: "size" }, { size: false }, wide)).toBe(false);
    expect(isShown({ id: "id", hiddenAtFirst: true }, {}, wide)).toBe(false);
    expect(isShown({ id: "id", hiddenAtFirst: true }, { id: true }, phone)).toBe(true);
    expect(isShown({ id: "name", fixed: true }, { name: false }, phone)).toBe(true);
  });

  it("are remembered in the old way too", () => {
    expect(columnChoicesSchema.parse(["size", "id"])).toEqual({ size: false, id: false });
    expect(columnChoicesSchema.parse({ size: true })).toEqual({ size: true });
    expect(columnChoicesSchema.safeParse("size").success).toBe(false);
  });
});
