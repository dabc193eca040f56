import { describe, expect, it } from "vitest";
import { FOUND, paletteFilter } from "./palette-filter";

describe("the palette", () => {
  it("keeps what the server has found by more than its name, below what fits by name", () => {
    expect(paletteFilter(`${FOUND}0190`, "acme/web")).toBeGreaterThan(0);
    expect(paletteFilter("Overview", "over")).toBeGreaterThan(paletteFilter(`${FOUND}0190`, "over"));
    expect(paletteFilter("Overview", "acme/web")).toBe(0);
  });
});
