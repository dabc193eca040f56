import { expect, it } from "vitest";
import { nextEvents } from "./event-pages";

const page = (items: number, total: number, offset: number) => ({ items: Array(items).fill(null), total, offset });

it("a timeline is read on until its end, also when it got shorter meanwhile", () => {
  expect(nextEvents(page(50, 120, 0))).toBe(50);
  expect(nextEvents(page(50, 120, 50))).toBe(100);
  expect(nextEvents(page(20, 120, 100))).toBeUndefined();
  expect(nextEvents(page(0, 0, 0))).toBeUndefined();
  expect(nextEvents(page(0, 120, 100))).toBeUndefined();
});
