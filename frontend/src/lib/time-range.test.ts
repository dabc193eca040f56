import { describe, expect, it } from "vitest";
import { RANGE_NAMES, rangeOf, readRange, refreshOf, timeTicks } from "./time-range";

describe("time ranges", () => {
  it("fall back to an hour when the URL says nonsense", () => {
    expect(readRange(new URLSearchParams("range=7d"))).toBe("7d");
    expect(readRange(new URLSearchParams("range=century"))).toBe("1h");
    expect(readRange(new URLSearchParams())).toBe("1h");
  });

  it("hold the present and stay the same for a while", () => {
    const now = Date.parse("2026-01-10T12:00:01Z");
    const range = rangeOf("1h", now);
    expect(range.to).toBeGreaterThanOrEqual(now);
    expect(range.to - range.from).toBe(3_600_000);
    expect(rangeOf("1h", now + 5_000)).toEqual(range);
  });

  it("are asked for less often the longer they are", () => {
    expect(RANGE_NAMES.map((name) => refreshOf(name) / 1_000)).toEqual([15, 15, 15, 60, 300, 300]);
  });

  it("have round ticks, not too many", () => {
    const to = Date.parse("2026-01-10T12:07:30Z");
    const hour = timeTicks(to - 3_600_000, to, 7, 0).map((at) => new Date(at).toISOString().slice(11, 16));
    expect(hour).toEqual(["11:10", "11:20", "11:30", "11:40", "11:50", "12:00"]);
    const week = timeTicks(to - 7 * 86_400_000, to, 7, 0);
    expect(week.every((at) => at % 86_400_000 === 0)).toBe(true);
    expect(timeTicks(to - 30 * 86_400_000, to, 7, 0).length).toBeLessThanOrEqual(8);
  });
});
