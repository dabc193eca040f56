import { describe, expect, it } from "vitest";
import { breakAtGaps, downsample } from "./downsample";

const series = (count: number, step = 1000) =>
  Array.from({ length: count }, (_, index) => ({ at: index * step, cpu: index % 2 === 0 ? 10 : 30 }));

describe("downsample", () => {
  it("leaves short series alone", () => {
    const points = series(50);
    expect(downsample(points, ["cpu"], 100)).toEqual(points);
    expect(downsample([], ["cpu"], 100)).toEqual([]);
  });

  it("never yields more points than asked for, in order, within the values seen", () => {
    const reduced = downsample(series(10_000), ["cpu"], 200);
    expect(reduced.length).toBeLessThanOrEqual(200);
    expect(reduced.every((p, i) => i === 0 || p.at > (reduced[i - 1]?.at ?? 0))).toBe(true);
    expect(reduced.every((p) => p.cpu >= 10 && p.cpu <= 30)).toBe(true);
  });

  it("invents nothing in a gap", () => {
    const points = [...series(500), ...series(500).map((p) => ({ ...p, at: p.at + 10_000_000 }))];
    const reduced = downsample(points, ["cpu"], 100);
    expect(reduced.some((p) => p.at > 600_000 && p.at < 9_900_000)).toBe(false);
  });

  it("copes with many points at one moment", () => {
    const points = Array.from({ length: 300 }, () => ({ at: 5, cpu: 20 }));
    expect(downsample(points, ["cpu"], 10)).toEqual([{ at: 5, cpu: 20 }]);
  });
});

describe("breakAtGaps", () => {
  it("breaks the line where nothing was measured", () => {
    const points = [
      { at: 0, cpu: 1 },
      { at: 30_000, cpu: 2 },
      { at: 300_000, cpu: 3 },
    ];
    expect(breakAtGaps(points, ["cpu"], 90_000).map((p) => p.cpu)).toEqual([1, 2, null, 3]);
  });
});
