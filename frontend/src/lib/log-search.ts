import { plainText } from "@/lib/ansi";
import type { LogSnapshot } from "@/lib/log-rows";

/**
 * Finds the lines that contain something, in any case and whatever their colours. Asked again for a log that
 * has grown, it reads only what is new. Rows are numbered from the log's very first one, so that a number
 * keeps its meaning when rows are given up.
 */
export function createLogSearch(): (log: LogSnapshot, needle: string) => readonly number[] {
  let searched = "";
  let source: LogSnapshot["rows"] | null = null;
  let next = 0;
  let matches: readonly number[] = [];

  return ({ rows, first }, needle) => {
    if (needle !== searched || rows !== source) {
      searched = needle;
      source = rows;
      next = first;
      matches = [];
    }
    if (!needle) return matches;
    const found: number[] = [];
    for (next = Math.max(next, first); next < first + rows.length; next += 1) {
      const row = rows[next - first];
      if (typeof row === "string" && plainText(row).toLowerCase().includes(needle)) found.push(next);
    }
    const isShorter = (matches[0] ?? first) < first;
    if (isShorter || found.length > 0) matches = [...matches.filter((row) => row >= first), ...found];
    return matches;
  };
}
