import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { calmGap, createBatcher } from "./batcher";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("createBatcher", () => {
  it("hands the first item on at once and the rest together", async () => {
    const batches: string[][] = [];
    const batcher = createBatcher<string>(async (items) => {
      batches.push([...items]);
    }, 300);
    batcher.add(["a"]);
    for (let n = 0; n < 1000; n += 1) batcher.add([`k${n % 3}`]);
    await vi.advanceTimersByTimeAsync(299);
    expect(batches).toEqual([["a"]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches).toEqual([["a"], ["k0", "k1", "k2"]]);
  });

  it("waits for a slow batch instead of starting the next beside it", async () => {
    let running = 0;
    let most = 0;
    const batcher = createBatcher<number>(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((done) => setTimeout(done, 1000));
      running -= 1;
    }, 100);
    for (let n = 0; n < 50; n += 1) {
      batcher.add([n]);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(most).toBe(1);
  });

  it("goes on after a batch that failed, and stops when told", async () => {
    const seen: number[] = [];
    const batcher = createBatcher<number>(async (items) => {
      seen.push(...items);
      if (items.has(1)) throw new Error("lost");
    }, 10);
    batcher.add([1]);
    await vi.advanceTimersByTimeAsync(10);
    batcher.add([2]);
    await vi.advanceTimersByTimeAsync(10);
    batcher.stop();
    batcher.add([3]);
    await vi.advanceTimersByTimeAsync(100);
    expect(seen).toEqual([1, 2]);
  });

  it("asks less often the more there is to hear", async () => {
    const starts: number[] = [];
    const begin = Date.now();
    const batcher = createBatcher<string>(async () => {
      starts.push(Date.now() - begin);
    }, calmGap);
    // A thousand instances that each change every ten seconds.
    for (let ms = 0; ms < 20_000; ms += 10) {
      batcher.add([`instance ${ms}`, "list"]);
      await vi.advanceTimersByTimeAsync(10);
    }
    batcher.stop();
    expect(starts[0]).toBe(0);
    expect(starts.length).toBeLessThan(20);
    expect(calmGap(1)).toBe(250);
    expect(calmGap(100_000)).toBe(2_500);
  });
});
