import { describe, expect, it, vi } from "vitest";
import { together } from "./choices";

const here = { data: { items: ["a"] }, error: null, refetch: vi.fn() };
const waiting = { data: undefined, error: null, refetch: vi.fn() };
const failed = { data: undefined, error: { status: 500 }, refetch: vi.fn() };

describe("what a form chooses from", () => {
  it("is there once all of it is, also when it is old", () => {
    expect(together({ nodes: here, credentials: waiting }).data).toBeNull();
    const old = { ...here, error: { status: 500 } };
    expect(together({ nodes: here, credentials: old })).toMatchObject({
      data: { nodes: ["a"], credentials: ["a"] },
      error: null,
    });
  });

  it("says why it is not there, and asks again only for what is missing", () => {
    const choices = together({ nodes: here, credentials: failed });
    expect(choices).toMatchObject({ data: null, error: { status: 500 } });
    choices.refetch();
    expect(failed.refetch).toHaveBeenCalledOnce();
    expect(here.refetch).not.toHaveBeenCalled();
  });
});
