import { expect, it } from "vitest";
import { checkStage } from "./node-check";

it("a node is what its check says, and late when none comes", () => {
  const created_at = "2026-01-01T00:00:00Z";
  const at = (seconds: number) => Date.parse(created_at) + seconds * 1_000;
  expect(checkStage({ status: "inactive", created_at }, at(19))).toBe("checking");
  expect(checkStage({ status: "inactive", created_at }, at(21))).toBe("late");
  const last_checked_at = "2026-01-01T00:00:05Z";
  expect(checkStage({ status: "active", created_at, last_checked_at }, at(90))).toBe("ready");
  expect(checkStage({ status: "inactive", created_at, last_checked_at }, at(90))).toBe("failed");
});
