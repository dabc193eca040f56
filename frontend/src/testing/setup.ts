import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(cleanup);
// Some parts ask the api every second; and a busy machine is slow, not wrong.
configure({ asyncUtilTimeout: 10_000 });

// jsdom lays nothing out; Radix and the virtualiser ask for these.
class NoResizeObserver implements ResizeObserver {
  observe(): void {
    // nothing has a size
  }
  unobserve(): void {
    // nothing has a size
  }
  disconnect(): void {
    // nothing has a size
  }
}
if (typeof window !== "undefined") globalThis.ResizeObserver ??= NoResizeObserver;
