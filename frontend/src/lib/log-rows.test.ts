import { describe, expect, it } from "vitest";
import { createCutDetector, createLogRows, lineNumber } from "./log-rows";

describe("the rows of a log", () => {
  it("are lines and gaps, and gaps in a row are one", () => {
    const log = createLogRows();
    log.append(["one"], 3);
    log.append([], 2);
    log.append(["two"], 0);
    expect(log.get()).toEqual({ rows: ["one", 5, "two"], first: 0, firstGap: 1 });
  });

  it("have the numbers of their lines, as far as those are known", () => {
    const log = createLogRows(100);
    for (let line = 0; line < 101; line += 1) log.append([`${line}`], 0);
    expect(lineNumber(log.get(), 0, false)).toBe(12);
    expect(lineNumber(log.get(), 0, true)).toBeNull();
    log.append([], 3);
    log.append(["after the gap"], 0);
    expect(lineNumber(log.get(), 89, false)).toBe(101);
    expect(lineNumber(log.get(), 90, false)).toBeNull();
    expect(lineNumber(log.get(), 91, false)).toBeNull();
  });

  it("are given up from the front when there are too many, and keep their numbers", () => {
    const log = createLogRows(100);
    for (let line = 0; line < 101; line += 1) log.append([`${line}`], 0);
    const { rows, first } = log.get();
    expect(first).toBe(11);
    expect([rows[0], rows.at(-1)]).toEqual(["11", "100"]);
  });

  it("are given up when they are too long together, but for the newest", () => {
    const log = createLogRows(100, 1_000);
    for (let line = 0; line < 5; line += 1) log.append(["x".repeat(400)], 0);
    expect(log.get().rows.length).toBe(2);
    log.append(["y".repeat(5_000)], 0);
    expect(log.get().rows).toEqual(["y".repeat(5_000)]);
  });
});

describe("a log of which the last lines were asked for", () => {
  it("is cut when as many come at once", () => {
    const isCut = createCutDetector(5_000);
    expect(isCut(3_000, 0)).toBe(false);
    expect(isCut(2_000, 800)).toBe(true);
    expect(isCut(1, 60_000)).toBe(true);
  });

  it("is whole when fewer come, however much is written later", () => {
    const isCut = createCutDetector(5_000);
    expect(isCut(4_999, 0)).toBe(false);
    expect(isCut(9_000, 10_000)).toBe(false);
  });
});
