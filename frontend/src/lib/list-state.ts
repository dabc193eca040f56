import { z } from "zod";

/** What a list shows: kept in the URL, so that it can be shared, bookmarked and gone back to. */
export const PAGE_SIZES = [25, 50, 100] as const;
const DEFAULT_SIZE = 50;

const listSchema = z.object({
  q: z.string().max(100).catch(""),
  sort: z
    .string()
    .regex(/^-?[a-z_]{1,40}$/)
    .catch(""),
  page: z.coerce.number().int().min(1).max(10_000).catch(1),
  size: z.coerce
    .number()
    .refine((size) => PAGE_SIZES.some((known) => known === size))
    .catch(DEFAULT_SIZE),
});

export type ListState = z.infer<typeof listSchema>;

/** Reads the list's state; what is not understood is as if it were not there. */
export function readListState(search: URLSearchParams): ListState {
  return listSchema.parse({
    q: search.get("q") ?? "",
    sort: search.get("sort") ?? "",
    page: search.get("page") ?? 1,
    size: search.get("size") ?? DEFAULT_SIZE,
  });
}

/** The same as parameters of the api. */
export function toListQuery(state: ListState): { limit: number; offset: number; sort?: string; q?: string } {
  return {
    limit: state.size,
    offset: (state.page - 1) * state.size,
    ...(state.sort ? { sort: state.sort } : {}),
    ...(state.q ? { q: state.q } : {}),
  };
}

/** Changes some parameters; empty ones leave the address, and every change but one of the page starts at page 1. */
export function withParams(search: URLSearchParams, changes: Record<string, string | number | null>): URLSearchParams {
  const next = new URLSearchParams(search);
  if (!("page" in changes)) next.delete("page");
  for (const [name, value] of Object.entries(changes)) {
    const isDefault =
      value === null || value === "" || (name === "page" && value === 1) || (name === "size" && value === DEFAULT_SIZE);
    if (isDefault) next.delete(name);
    else next.set(name, String(value));
  }
  return next;
}

/** A click on a column: upwards, then downwards, then the list's own order again. */
export function nextSort(current: string, column: string): string {
  if (current === column) return `-${column}`;
  return current === `-${column}` ? "" : column;
}
