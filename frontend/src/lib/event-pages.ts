/** How many entries of a timeline are asked for at once. */
export const EVENTS_AT_ONCE = 50;

type Page = { items: readonly unknown[]; total: number; offset: number };

/** Where the next part of a timeline begins; nowhere after the last. */
export function nextEvents(last: Page): number | undefined {
  const offset = last.offset + last.items.length;
  return last.items.length > 0 && offset < last.total ? offset : undefined;
}
