import { describe, expect, it } from "vitest";
import { runEach } from "./concurrent";

describe("runEach", () => {
  it("never does more at once than it may, and does all", async () => {
    let now = 0;
    let most = 0;
    const items = Array.from({ length: 23 }, (_, index) => index);
    const outcomes = await runEach(items, 4, async () => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      now -= 1;
    });
    expect(most).toBe(4);
    expect(outcomes.map((outcome) => outcome.item)).toEqual(items);
    expect(outcomes.every((outcome) => outcome.ok)).toBe(true);
  });

  it("goes on after a failure and says which one it was", async () => {
    const told: string[] = [];
    const outcomes = await runEach(
      ["a", "b", "c"],
      2,
      async (item) => {
        if (item === "b") throw new Error("refused");
      },
      ({ item, ok }) => told.push(`${item} ${ok}`),
    );
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(outcomes[1]?.error).toEqual(new Error("refused"));
    expect(told.sort()).toEqual(["a true", "b false", "c true"]);
  });

  it("has nothing to do with nothing", async () => {
    expect(await runEach([], 4, async () => undefined)).toEqual([]);
  });
});
