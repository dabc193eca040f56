/**
 * Whether somebody sees this tab. Over plain HTTP a browser opens six connections to a server for all its tabs
 * together, and an open stream takes one: tabs that nobody sees let go of theirs, or the seventh would load nothing.
 */

const isOutOfSight = () => document.visibilityState === "hidden";

/** Resolves as soon as the tab is seen or the signal says stop. */
export function untilSeen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    function look(): void {
      if (isOutOfSight() && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    }
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

export type Sight = {
  /** Says stop when nobody sees the tab any more, or the given signal says so. */
  signal: AbortSignal;
  /** Whether nobody saw the tab, if only for a moment. */
  wasLost: () => boolean;
  /** To be called when it is over. */
  end: () => void;
};

/** One stretch of being seen. */
export function whileSeen(signal: AbortSignal): Sight {
  const over = new AbortController();
  let isLost = false;
  const stop = () => over.abort();
  function look(): void {
    if (!isOutOfSight()) return;
    isLost = true;
    stop();
  }
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", stop);
  look();
  return {
    signal: over.signal,
    wasLost: () => isLost,
    end() {
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", stop);
    },
  };
}
