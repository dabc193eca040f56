import * as React from "react";

/** One clock for all relative times, so that a list of fifty costs one timer and they all tick together. */
const TICK_MS = 5_000;
let now = new Date();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (!timer) {
    now = new Date();
    timer = setInterval(() => {
      now = new Date();
      for (const each of listeners) each();
    }, TICK_MS);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, renewed every five seconds. */
export function useNow(): Date {
  return React.useSyncExternalStore(subscribe, () => now);
}
