import { describe, expect, it } from "vitest";
import { rangeOf, readRange } from "./time-range";

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
});
