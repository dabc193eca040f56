/**
 * Collects items and hands them on in batches: the first at once, the rest together after a pause. However
 * fast items arrive, a batch only starts when the one before it is done and `gapMs` have passed since.
 */
export function createBatcher<T>(flush: (items: Set<T>) => Promise<void>, gapMs: number) {
  let waiting = new Set<T>();
  let busy = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  async function run(): Promise<void> {
    if (busy || stopped || waiting.size === 0) return;
    busy = true;
    const items = waiting;
    waiting = new Set();
    // What a failed batch meant to do shows elsewhere (a query's own error); the next one goes on.
    await flush(items).catch(() => undefined);
    timer = setTimeout(() => {
      busy = false;
      void run();
    }, gapMs);
  }

  return {
    add(items: Iterable<T>): void {
      for (const item of items) waiting.add(item);
      void run();
    },
    stop(): void {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
