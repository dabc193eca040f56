import { describe, expect, it } from "vitest";
import { returnTo, signInFrom } from "./routes";

describe("the way back after a sign-in", () => {
  it("returns to where one was, with its filters", () => {
    const address = signInFrom({ pathname: "/o/1/runners", search: "?q=linux&page=2" });
    expect(returnTo(new URL(address, "http://x").searchParams)).toBe("/o/1/runners?q=linux&page=2");
  });

  it("never leads to another host", () => {
    for (const path of ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]) {
      expect(returnTo(new URLSearchParams({ return_to: path }))).toBe("/");
    }
  });
});
