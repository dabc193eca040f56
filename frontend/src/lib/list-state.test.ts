import { describe, expect, it } from "vitest";
import { nextSort, readListState, toListQuery, withParams } from "./list-state";

describe("the list's state in the URL", () => {
  it("reads what is there", () => {
    const state = readListState(new URLSearchParams("q=linux&sort=-name&page=3&size=25"));
    expect(state).toEqual({ q: "linux", sort: "-name", page: 3, size: 25 });
    expect(toListQuery(state)).toEqual({ limit: 25, offset: 50, sort: "-name", q: "linux" });
  });

  it("takes nonsense for nothing", () => {
    const state = readListState(new URLSearchParams("sort=name;drop&page=-4&size=7"));
    expect(state).toEqual({ q: "", sort: "", page: 1, size: 50 });
  });

  it("starts at the first page when a filter changes, and leaves defaults out", () => {
    expect(withParams(new URLSearchParams("page=4&status=idle"), { q: "x" }).toString()).toBe("status=idle&q=x");
    expect(withParams(new URLSearchParams("q=x"), { q: "", page: 1 }).toString()).toBe("");
    expect(withParams(new URLSearchParams("q=x"), { page: 2 }).toString()).toBe("q=x&page=2");
  });

  it("sorts upwards, downwards, then not", () => {
    expect(nextSort("", "name")).toBe("name");
    expect(nextSort("name", "name")).toBe("-name");
    expect(nextSort("-name", "name")).toBe("");
    expect(nextSort("-name", "status")).toBe("status");
  });
});
