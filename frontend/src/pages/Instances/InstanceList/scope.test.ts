import { describe, expect, it } from "vitest";
import { readScope, withChosen } from "./scope";

const ID = "0197a3c1-7b1e-7c3a-9a55-3f0d2c9b1a10";

describe("what the list of instances is narrowed to", () => {
  it("is an id or nothing", () => {
    expect(readScope(new URLSearchParams({ runner: ID, node: "'; drop" }))).toEqual({ runner: ID, node: null });
    expect(readScope(new URLSearchParams())).toEqual({ runner: null, node: null });
  });

  it("can be seen and cleared when it is no choice", () => {
    const choices = [{ value: "a", label: "A" }];
    const unknown = (id: string) => `Unknown ${id}`;
    expect(withChosen(choices, "b", unknown)).toEqual([{ value: "b", label: "Unknown b" }, ...choices]);
    expect(withChosen(choices, "a", unknown)).toEqual(choices);
    expect(withChosen(choices, null, unknown)).toEqual(choices);
  });
});
