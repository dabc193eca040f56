import { describe, expect, it } from "vitest";
import { sparkPaths } from "./spark";

const box = { width: 100, height: 20, from: 0, to: 100, gapMs: 30 };

describe("a sparkline", () => {
  it("goes from the bottom at 0 % to the top at 100 %", () => {
    const points = [0, 50, 100].map((value, index) => ({ at: index * 20, value }));
    expect(sparkPaths(points, box).line).toBe("M0 20L20 10L40 0");
    expect(sparkPaths(points, box).area).toBe("M0 20L0 20L20 10L40 0L40 20Z");
  });

  it("breaks where nothing was measured", () => {
    const points = [
      { at: 0, value: 50 },
      { at: 10, value: 50 },
      { at: 90, value: 500 },
    ];
    expect(sparkPaths(points, box).line).toBe("M0 10L10 10M90 0h1");
  });

  it("is empty without points", () => {
    expect(sparkPaths([], box)).toEqual({ line: "", area: "" });
  });
});
