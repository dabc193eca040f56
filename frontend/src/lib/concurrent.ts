/** What became of one of many. */
export type Outcome<Item> = { item: Item; error: unknown; ok: boolean };

/**
 * Does `run` for each item, `limit` at once at most. A failure ends nothing: every item gets its turn, and
 * `onDone` hears of each as it is done. The outcomes stand in the order of the items.
 */
export async function runEach<Item>(
  items: readonly Item[],
  limit: number,
  run: (item: Item) => Promise<unknown>,
  onDone: (outcome: Outcome<Item>) => void = () => undefined,
): Promise<Outcome<Item>[]> {
  const outcomes: Outcome<Item>[] = new Array(items.length);
  let next = 0;
  async function lane(): Promise<void> {
    while (next < items.length) {
      const at = next;
      next += 1;
      const item = items[at] as Item;
      const outcome = await run(item).then(
        () => ({ item, error: null, ok: true }),
        (error: unknown) => ({ item, error, ok: false }),
      );
      outcomes[at] = outcome;
      onDone(outcome);
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return outcomes;
}
