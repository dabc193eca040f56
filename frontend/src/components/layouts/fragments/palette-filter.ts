/** Stands before the values of what the server has found: it searches in more than the name. */
export const FOUND = "found:";

/**
 * How well an entry fits what is typed. Pages and actions stand first, so they are for those who type the beginning
 * of a word of theirs; letters that are merely somewhere in them would stand before the runner of that name.
 * What the server has found always fits, by its name best.
 */
export function paletteFilter(value: string, search: string, keywords: readonly string[] = []): number {
  const typed = search.trim().toLowerCase();
  if (value.startsWith(FOUND)) return keywords.some((name) => name.toLowerCase().includes(typed)) ? 1 : 0.5;
  const words = ` ${value.toLowerCase()}`;
  return typed.split(/\s+/).every((word) => words.includes(` ${word}`)) ? 1 : 0;
}
