import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterAll, afterEach, vi } from "vitest";

// Files share a process, and the libraries in it; what our own modules keep is each file's own.
vi.resetModules();
afterEach(() => {
  cleanup();
  if (typeof window === "undefined") return;
  localStorage.clear();
  sessionStorage.clear();
});
afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});
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
