import { describe, expect, it, vi } from "vitest";
import { everyPage } from "./every-page";

/** A list of so many things, from which one is taken out before the second look. */
function listOf(count: number, gone?: string) {
  let all = Array.from({ length: count }, (_, at) => ({ uid: `n${at}` }));
  return vi.fn(async ({ limit, offset }: { limit: number; offset: number }) => {
    const page = { items: all.slice(offset, offset + limit), total: all.length };
    all = all.filter(({ uid }) => uid !== gone);
    return page;
  });
}

describe("all of a list", () => {
  it.each([
    [0, 1],
    [100, 1],
    [101, 2],
    [250, 3],
  ])("of %i takes %i looks", async (count, looks) => {
    const read = listOf(count);
    const all = await everyPage(read);
    expect(new Set(all.items.map(({ uid }) => uid)).size).toBe(count);
    expect(all.total).toBe(count);
    expect(read).toHaveBeenCalledTimes(looks);
  });

  it("holds each thing once though the pages move, and has an end", async () => {
    const moved = await everyPage(listOf(150, "n0"));
    expect(moved.items.map(({ uid }) => uid)).toEqual([...new Set(moved.items.map(({ uid }) => uid))]);
    const endless = await everyPage(listOf(5_000));
    expect(endless.items).toHaveLength(1_000);
    expect(endless.total).toBe(5_000);
  });
});
