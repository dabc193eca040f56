import { expect, it } from "vitest";
import { reasonLook } from "./reason";

it("warns of what keeps an instance from running, though it is tried again", () => {
  expect(reasonLook("pending", "Pending")).toEqual({ tone: "warn", title: "Not running yet" });
  expect(reasonLook("failed", "Failed")).toEqual({ tone: "bad", title: "Failed" });
  expect(reasonLook("draining", "Draining")).toEqual({ tone: "info", title: "Draining" });
});
