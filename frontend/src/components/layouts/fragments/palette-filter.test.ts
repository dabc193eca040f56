import { describe, expect, it } from "vitest";
import { FOUND, paletteFilter } from "./palette-filter";

describe("the palette", () => {
  it("keeps what the server has found by more than its name, below what fits by name", () => {
    const byRepository = paletteFilter(`${FOUND}0190`, "acme/web", ["builder"]);
    expect(byRepository).toBeGreaterThan(0);
    expect(paletteFilter(`${FOUND}0191`, "acme/web", ["acme/web-1"])).toBeGreaterThan(byRepository);
  });

  it("offers a page or an action by the beginnings of its words", () => {
    for (const typed of ["over", "OVERVIEW", " overview "]) expect(paletteFilter("Overview", typed)).toBe(1);
    expect(paletteFilter("GitHub credentials", "cred")).toBe(1);
    expect(paletteFilter("GitHub credentials", "git cred")).toBe(1);
    expect(paletteFilter("Theme: Dark", "dark")).toBe(1);
  });

  it("does not lead to a page that only has the letters, past the runner of that name", () => {
    for (const page of ["GitHub credentials", "Show keyboard shortcuts", "API documentation", "Create a runner"]) {
      expect(paletteFilter(page, "buil")).toBe(0);
      expect(paletteFilter(page, "ode")).toBe(0);
    }
  });
});
