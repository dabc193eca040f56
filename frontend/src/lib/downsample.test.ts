import { describe, expect, it } from "vitest";
import { breakAtGaps, downsample, gapOf } from "./downsample";

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
    const drawn = breakAtGaps(points, ["cpu"], 90_000);
    expect(drawn.map((p) => p.cpu)).toEqual([1, 2, null, 3]);
    expect(drawn.map((p) => p.isLone)).toEqual([false, false, false, true]);
  });

  it("knows a point that is all alone", () => {
    expect(breakAtGaps([{ at: 0, cpu: 1 }], ["cpu"], 1).map((p) => p.isLone)).toEqual([true]);
  });
});

describe("gapOf", () => {
  const stretchMs = 15_000;
  const every = (step: number) => series(30, step);

  it("follows how often samples are taken: every two minutes is one line", () => {
    const points = every(120_000);
    const gap = gapOf(points, { intervalMs: 120_000, stretchMs });
    expect(breakAtGaps(points, ["cpu"], gap)).toHaveLength(points.length);
    expect(breakAtGaps(points, ["cpu"], gap).some((p) => p.isLone)).toBe(false);
    const missing = points.filter((_, index) => index < 10 || index > 13);
    expect(breakAtGaps(missing, ["cpu"], gap).filter((p) => p.cpu === null)).toHaveLength(1);
  });

  it("goes by the samples where nobody says how often they are taken", () => {
    expect(gapOf(every(120_000), { intervalMs: undefined, stretchMs })).toBe(360_000);
    expect(gapOf([], { intervalMs: undefined, stretchMs })).toBe(30_000);
    expect(gapOf(series(1), { intervalMs: undefined, stretchMs })).toBe(30_000);
  });

  it("is never less than two stretches: one between two others may miss its sample", () => {
    expect(gapOf(every(1_000), { intervalMs: 5_000, stretchMs: 360_000 })).toBe(720_000);
  });
});
