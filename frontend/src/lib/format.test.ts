import { describe, expect, it } from "vitest";
import { bytes, duration, mebibytes, percent, plural, timeAgo } from "./format";

const now = new Date("2026-01-10T12:00:00Z");
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);

describe("timeAgo", () => {
  it("goes from seconds to days, then names the date", () => {
    expect(timeAgo(ago(3), now)).toBe("just now");
    expect(timeAgo(ago(42), now)).toBe("42 sec. ago");
    expect(timeAgo(ago(150), now)).toBe("2 min. ago");
    expect(timeAgo(ago(7_300), now)).toBe("2 hr. ago");
    expect(timeAgo(ago(86_400), now)).toBe("yesterday");
    expect(timeAgo(ago(86_400 * 40), now)).toBe("2025-12-01");
  });

  it("also looks ahead, for things that expire", () => {
    expect(timeAgo(ago(-3_600), now)).toBe("in 1 hr.");
    expect(timeAgo(ago(-7 * 86_400 + 20), now)).toBe("in 7 days");
    expect(timeAgo(ago(-6.4 * 86_400), now)).toBe("in 6 days");
  });
});

describe("numbers", () => {
  it("carry their unit", () => {
    expect(percent(45.55)).toBe("45.5 %");
    expect(bytes(512)).toBe("512 B");
    expect(bytes(4_080_218_112)).toBe("3.8 GiB");
    expect(mebibytes(4096)).toBe("4 GiB");
    expect(mebibytes(700)).toBe("700 MiB");
    expect(plural(1, "node")).toBe("1 node");
    expect(plural(1200, "node")).toBe("1,200 nodes");
  });

  it("read durations in two units at most", () => {
    expect(duration(4_200)).toBe("4 s");
    expect(duration(185_000)).toBe("3 min 5 s");
    expect(duration(7_800_000)).toBe("2 h 10 min");
    expect(duration(200_000_000)).toBe("2 d 7 h");
  });
});
