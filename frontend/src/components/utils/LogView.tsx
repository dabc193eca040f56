import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import * as React from "react";
import { Button } from "@/components/ui/button";
import { LogLine } from "@/components/utils/LogLine";
import { LogToolbar } from "@/components/utils/LogToolbar";
import { useScrollEnd } from "@/hooks/useScrollEnd";
import { plainText } from "@/lib/ansi";
import { type LogRow, type LogSnapshot, lineNumber } from "@/lib/log-rows";
import { createLogSearch } from "@/lib/log-search";
import { texts } from "@/lib/texts/logs";
import { cn } from "@/lib/utils";

type LogViewProps = {
  log: LogSnapshot;
  /** Names the file of a download. */
  fileName: string;
  /** What the log is of, for assistive technology. */
  label: string;
  /** Shown in the bar: whether more is to come. */
  state?: React.ReactNode;
  /** Why there is no line before the first, where some exist. */
  earlier?: string | null;
  /** Shown while there is no line. */
  empty?: string;
};

const LINE_HEIGHT_PX = 20;

/** A log of any length: only the visible lines exist in the page. Follows its end until one scrolls up. */
export function LogView({ log, fileName, label, state, earlier = null, empty = texts.empty }: LogViewProps) {
  const { rows, first } = log;
  const end = first + rows.length;
  const missing = [...(earlier ? [earlier] : []), ...(first > 0 ? [texts.givenUp(first)] : [])];
  const frame = React.useRef<HTMLElement>(null);
  const search = React.useRef<HTMLInputElement>(null);
  const { follow, pausedAt, isAtEnd, pause, resume, hold, release, input } = useScrollEnd(frame, end);
  const [wrap, setWrap] = React.useState(false);
  const [query, setQuery] = React.useState("");
  const [current, setCurrent] = React.useState<number | null>(null);
  const needle = React.useDeferredValue(query.trim().toLowerCase());
  const [find] = React.useState(createLogSearch);
  const matches = React.useMemo(() => find(log, needle), [find, log, needle]);

  // Kept as it is: with another function every row would be measured anew.
  const keyOf = React.useCallback((index: number) => first + index, [first]);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => LINE_HEIGHT_PX,
    getItemKey: keyOf,
    overscan: 20,
  });

  React.useLayoutEffect(() => {
    if (follow && end > first) virtualizer.scrollToIndex(end - first - 1, { align: "end" });
  }, [follow, end, first, virtualizer]);

  // What one reads stays where it is when rows before it are given up.
  const shown = React.useRef(first);
  React.useLayoutEffect(() => {
    const gone = first - shown.current;
    shown.current = first;
    if (gone > 0 && !follow && frame.current) frame.current.scrollTop -= gone * LINE_HEIGHT_PX;
  }, [first, follow]);

  const goTo = React.useCallback(
    (row: number | undefined) => {
      if (row === undefined) return;
      setCurrent(row);
      hold();
      virtualizer.scrollToIndex(row - first, { align: "center" });
    },
    [first, hold, virtualizer],
  );

  const at = current === null ? -1 : matches.indexOf(current);
  function step(by: 1 | -1): void {
    if (matches.length === 0) return;
    const from = at < 0 && by < 0 ? 0 : at;
    goTo(matches[(from + by + matches.length) % matches.length]);
  }

  // A new search shows its first match.
  const shownNeedle = React.useRef("");
  React.useEffect(() => {
    if (shownNeedle.current === needle) return;
    shownNeedle.current = needle;
    setCurrent(null);
    goTo(matches[0]);
  }, [needle, matches, goTo]);

  function onKeyDown(event: React.KeyboardEvent): void {
    release();
    if (event.key === "/" || (event.key === "f" && (event.ctrlKey || event.metaKey))) search.current?.focus();
    else if (event.key === "End") resume();
    else if (event.key === "Home" && end > first) {
      hold();
      virtualizer.scrollToIndex(0);
    } else return;
    event.preventDefault();
  }

  return (
    <div className="overflow-hidden rounded-lg border border-border">
      <LogToolbar
        searchRef={search}
        query={query}
        onQuery={setQuery}
        onStep={step}
        found={needle ? { current: at + 1, all: matches.length } : null}
        state={state}
        lines={end}
        download={texts.download(rows.length, missing.length === 0)}
        wrap={wrap}
        onWrap={setWrap}
        follow={follow}
        onFollow={(wanted) => (wanted ? resume() : pause())}
        onDownload={rows.length > 0 ? () => download(log, missing, fileName) : null}
      />
      {missing.length > 0 ? (
        <p role="status" className="border-b border-border bg-surface px-4 py-1 text-xs text-muted-foreground">
          {missing.join(" ")}
        </p>
      ) : null}
      <div className="relative">
        <section
          ref={frame}
          role="log"
          // Read aloud line by line a log would be noise; its state is told instead.
          aria-live="off"
          aria-label={label}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be focusable (WCAG 2.1.1)
          tabIndex={0}
          {...input}
          onKeyDown={onKeyDown}
          className="h-[min(36rem,65vh)] overflow-auto bg-log py-2 font-mono text-xs leading-5 focus-visible:-outline-offset-2"
        >
          {end === 0 ? <p className="px-4 py-2 font-sans text-muted-foreground">{empty}</p> : null}
          <div
            className={cn("relative", wrap ? "w-full" : "w-max min-w-full")}
            style={{ height: virtualizer.getTotalSize() }}
          >
            {virtualizer.getVirtualItems().map((item) => (
              <div
                key={item.key}
                data-index={item.index}
                ref={wrap ? virtualizer.measureElement : undefined}
                style={{ transform: `translateY(${item.start}px)` }}
                className={cn(
                  "absolute top-0 left-0 flex min-w-full gap-4 px-4 hover:bg-muted/60",
                  wrap ? "w-full" : "w-max whitespace-pre",
                  current === first + item.index && needle && "bg-warn-soft",
                )}
              >
                <Row
                  row={rows[item.index] ?? ""}
                  number={lineNumber(log, item.index, earlier !== null)}
                  needle={needle}
                  wrap={wrap}
                />
              </div>
            ))}
          </div>
        </section>
        {pausedAt === null || end === 0 || (isAtEnd && end === pausedAt) ? null : (
          <Button variant="outline" size="sm" className="absolute right-4 bottom-4 shadow-md" onClick={resume}>
            <ArrowDown />
            {end > pausedAt ? texts.newLines(end - pausedAt) : texts.toTheEnd}
          </Button>
        )}
      </div>
    </div>
  );
}

type RowProps = { row: LogRow; number: number | null; needle: string; wrap: boolean };

function Row({ row, number, needle, wrap }: RowProps) {
  return (
    <>
      {number === null ? null : (
        <span aria-hidden="true" className="w-12 shrink-0 text-right text-muted-foreground select-none">
          {number}
        </span>
      )}
      {typeof row === "string" ? (
        <LogLine line={row} needle={needle} wrap={wrap} />
      ) : (
        <span className="font-sans text-warn italic">{texts.leftOut(row)}</span>
      )}
    </>
  );
}

function download({ rows }: LogSnapshot, missing: readonly string[], fileName: string): void {
  const lines = rows.map((row) => (typeof row === "string" ? plainText(row) : `[${texts.leftOut(row)}]`));
  const blob = new Blob([...missing.map((what) => `[${what}]\n`), lines.join("\n"), "\n"], {
    type: "text/plain;charset=utf-8",
  });
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(url);
}
