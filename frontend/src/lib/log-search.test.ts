import { describe, expect, it } from "vitest";
import { createLogRows } from "./log-rows";
import { createLogSearch } from "./log-search";

describe("the search in a log", () => {
  it("finds text in any case and through colours, and no gaps", () => {
    const log = createLogRows();
    log.append(["an \u001b[31mErr\u001b[0mor", "fine"], 3);
    const find = createLogSearch();
    expect(find(log.get(), "error")).toEqual([0]);
    expect(find(log.get(), "3")).toEqual([]);
    expect(find(log.get(), "")).toEqual([]);
  });

  it("reads only what is new, and forgets what was given up", () => {
    const log = createLogRows(10);
    const find = createLogSearch();
    log.append(["hit 0", "miss"], 0);
    const before = find(log.get(), "hit");
    expect(find(log.get(), "hit")).toBe(before);
    log.append(["hit 2"], 0);
    expect(find(log.get(), "hit")).toEqual([0, 2]);
    log.append(
      Array.from({ length: 8 }, () => "miss"),
      0,
    );
    expect(log.get().first).toBe(2);
    expect(find(log.get(), "hit")).toEqual([2]);
  });

  it("is quick in 100,000 lines", () => {
    const log = createLogRows();
    log.append(
      Array.from({ length: 100_000 }, (_, line) => `2026-01-01T00:00:00Z some words of line ${line}`),
      0,
    );
    const started = performance.now();
    expect(createLogSearch()(log.get(), "line 99999")).toEqual([99_999]);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
