// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exclusively } from "./tab-lock";

const NAME = "runner-pilot.turn";
/** What happened, in order. */
const story: string[] = [];
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function turn(name: string, ms: number): Promise<string> {
  return exclusively(NAME, async () => {
    story.push(`${name} begins`);
    await wait(ms);
    story.push(`${name} ends`);
    return name;
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  story.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("tabs without navigator.locks", () => {
  it("take turns, however long one takes, and give back what came of it", async () => {
    expect(navigator.locks).toBeUndefined();
    const all = Promise.all([turn("one", 40_000), turn("two", 10), turn("three", 10)]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await all).toEqual(["one", "two", "three"]);
    expect(story).toHaveLength(6);
    for (let at = 0; at < story.length; at += 2) {
      expect(story[at + 1]).toBe(story[at]?.replace("begins", "ends"));
    }
    expect(localStorage.length).toBe(0);
  });

  it("wait for one that was closed in the middle until its lease ends, and no longer", async () => {
    localStorage.setItem(NAME, JSON.stringify({ owner: "closed", until: Date.now() + 10_000 }));
    void turn("next", 10);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(story).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(story).toEqual(["next begins", "next ends"]);
  });

  it.each(["not json", "null", '{"owner":1}', JSON.stringify({ owner: "of another clock", until: 1e15 })])(
    "do not wait for %j",
    async (stored) => {
      localStorage.setItem(NAME, stored);
      void turn("one", 10);
      await vi.advanceTimersByTimeAsync(200);
      expect(story).toEqual(["one begins", "one ends"]);
    },
  );

  it("give the turn on when something fails in it", async () => {
    const failed = exclusively(NAME, () => Promise.reject(new Error("no answer")));
    const refused = expect(failed).rejects.toThrow("no answer");
    await vi.advanceTimersByTimeAsync(200);
    await refused;
    void turn("next", 10);
    await vi.advanceTimersByTimeAsync(200);
    expect(story).toEqual(["next begins", "next ends"]);
  });

  it("do without where nothing can be stored", async () => {
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    void turn("one", 10);
    await vi.advanceTimersByTimeAsync(100);
    expect(story).toEqual(["one begins", "one ends"]);
  });
});

it("a secure origin's own locks are used where they exist", async () => {
  const request = vi.fn((_name: string, run: () => Promise<string>) => run());
  vi.stubGlobal("navigator", { locks: { request } });
  expect(await exclusively(NAME, async () => "done")).toBe("done");
  expect(request).toHaveBeenCalledWith(NAME, expect.any(Function));
  expect(localStorage.length).toBe(0);
});
