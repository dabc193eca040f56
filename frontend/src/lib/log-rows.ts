/** A line of a log, or how many lines at least were left out there. */
export type LogRow = string | number;

/** A log as far as it is known. A new one for each change; the rows themselves are shared. */
export type LogSnapshot = {
  rows: readonly LogRow[];
  /** How many rows before these were given up again. */
  first: number;
  /** The row, counted from the very first, where lines were left out first. */
  firstGap: number | null;
};

/** More than this is given up from the front: a page that stays open for days must not grow for ever. */
const MOST_ROWS = 200_000;
const MOST_CHARACTERS = 48_000_000;
/** Given up together, so that it happens rarely. */
const GIVEN_UP_AT_ONCE = 0.1;

export const NO_LOG: LogSnapshot = { rows: [], first: 0, firstGap: null };

export type LogRows = {
  get: () => LogSnapshot;
  /** Adds lines and, after them, how many were left out. */
  append: (lines: readonly string[], skipped: number) => void;
};

/** Keeps the end of a log within bounds. */
export function createLogRows(mostRows = MOST_ROWS, mostCharacters = MOST_CHARACTERS): LogRows {
  const rows: LogRow[] = [];
  let first = 0;
  let firstGap: number | null = null;
  let characters = 0;
  let snapshot = NO_LOG;

  function giveUp(): void {
    if (rows.length <= mostRows && characters <= mostCharacters) return;
    const roomyRows = mostRows * (1 - GIVEN_UP_AT_ONCE);
    const roomyCharacters = mostCharacters * (1 - GIVEN_UP_AT_ONCE);
    let gone = 0;
    // The newest line stays, however long it is.
    while (gone < rows.length - 1 && (rows.length - gone > roomyRows || characters > roomyCharacters)) {
      characters -= sizeOf(rows[gone]);
      gone += 1;
    }
    rows.splice(0, gone);
    first += gone;
  }

  return {
    get: () => snapshot,
    append(lines, skipped) {
      for (const line of lines) {
        rows.push(line);
        characters += sizeOf(line);
      }
      if (skipped > 0) {
        const last = rows.at(-1);
        // What was left out in a row is one gap.
        if (typeof last === "number") rows[rows.length - 1] = last + skipped;
        else {
          firstGap ??= first + rows.length;
          rows.push(skipped);
        }
      }
      giveUp();
      snapshot = { rows, first, firstGap };
    },
  };
}

/**
 * Which line of the log the row at `index` is; nobody knows behind a gap, or in a log whose beginning was not read.
 */
export function lineNumber({ first, firstGap }: LogSnapshot, index: number, isCut: boolean): number | null {
  const row = first + index;
  return isCut || (firstGap !== null && row >= firstGap) ? null : row + 1;
}

/** Earlier lines come at once, as fast as they are sent; what comes after is being written. */
const BURST_MS = 2_000;

/**
 * Finds out whether a log has lines from before the `tail` that was asked for: if so, all of them come at once.
 * Told of lines as they arrive, it answers whether the log is cut.
 */
export function createCutDetector(tail: number): (lines: number, now: number) => boolean {
  let began: number | null = null;
  let burst = 0;
  return (lines, now) => {
    began ??= now;
    if (now - began <= BURST_MS) burst += lines;
    return burst >= tail;
  };
}

function sizeOf(row: LogRow | undefined): number {
  return typeof row === "string" ? row.length : 0;
}
