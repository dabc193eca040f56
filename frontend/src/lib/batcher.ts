/**
 * Collects items and hands them on in batches: the first at once, the rest together after a pause. However
 * fast items arrive, a batch only starts when the one before it is done and the gap has passed since.
 */
export function createBatcher<T>(
  flush: (items: Set<T>) => Promise<void>,
  gapMs: number | ((additions: number) => number),
) {
  const gapAfter = typeof gapMs === "number" ? () => gapMs : gapMs;
  let waiting = new Set<T>();
  /** How many additions the waiting items came from: many of them may be the same. */
  let additions = 0;
  let busy = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  async function run(): Promise<void> {
    if (busy || stopped || waiting.size === 0) return;
    busy = true;
    const items = waiting;
    const gap = gapAfter(additions);
    waiting = new Set();
    additions = 0;
    // What a failed batch meant to do shows elsewhere (a query's own error); the next one goes on.
    await flush(items).catch(() => undefined);
    timer = setTimeout(() => {
      busy = false;
      void run();
    }, gap);
  }

  return {
    add(items: Iterable<T>): void {
      for (const item of items) waiting.add(item);
      additions += 1;
      void run();
    },
    stop(): void {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** The least and the most time between two rounds of questions. */
const QUIET_GAP_MS = 250;
const BUSY_GAP_MS = 2_500;
const MS_PER_CHANGE = 25;

/**
 * How long to wait after a round that so many changes led to: a single change shows at once, a fleet that
 * changes a hundred times a second is asked for every few seconds.
 */
export function calmGap(changes: number): number {
  return Math.min(BUSY_GAP_MS, QUIET_GAP_MS + Math.max(0, changes - 1) * MS_PER_CHANGE);
}
