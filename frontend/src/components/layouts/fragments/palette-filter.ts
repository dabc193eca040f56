import { defaultFilter } from "cmdk";

/** Stands before the values of what the server has found: it searches in more than the name. */
export const FOUND = "found:";
/** Less than any match of a page or an action, so that those stand first. */
const FOUND_SCORE = 0.001;

/** How well an entry fits what is typed; what the server has found always does. */
export function paletteFilter(value: string, search: string, keywords?: string[]): number {
  return value.startsWith(FOUND) ? FOUND_SCORE : defaultFilter(value, search, keywords);
}
