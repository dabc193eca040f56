/** A query for a list of things to choose from, as far as a form needs it. */
type Choice<Item> = { data: { items: Item[] } | undefined; error: unknown; refetch: () => unknown };

/** What a form chooses from: all of it, or why it is not there and a way to ask again. */
export type Choices<Data> = { data: Data | null; error: unknown; refetch: () => void };

/** Several lists that a form needs together. One that could not be refreshed is still one to choose from. */
export function together<Items extends Record<string, unknown>>(
  queries: {
    [Name in keyof Items]: Choice<Items[Name]>;
  },
): Choices<{ [Name in keyof Items]: Items[Name][] }> {
  const all = Object.entries<Choice<unknown>>(queries);
  const missing = all.filter(([, query]) => query.data === undefined).map(([, query]) => query);
  const lists = Object.fromEntries(all.map(([name, query]) => [name, query.data?.items ?? []]));
  return {
    data: missing.length === 0 ? (lists as { [Name in keyof Items]: Items[Name][] }) : null,
    error: missing.find((query) => query.error !== null)?.error ?? null,
    refetch: () => {
      for (const query of missing) query.refetch();
    },
  };
}
