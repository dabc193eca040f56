import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, ChevronDown, ChevronUp, Download, Search, WrapText } from "lucide-react";
import * as React from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Tooltip } from "@/components/ui/tooltip";
import { LogLine } from "@/components/utils/LogLine";
import { plainText } from "@/lib/ansi";
import { count } from "@/lib/format";
import { texts } from "@/lib/texts/logs";
import { cn } from "@/lib/utils";

type LogViewProps = {
  lines: readonly string[];
  /** Names the file of a download. */
  fileName: string;
  /** What the log is of, for assistive technology. */
  label: string;
  /** Shown in the bar, such as whether more is to come. */
  note?: React.ReactNode;
};

const LINE_HEIGHT_PX = 20;

/** A log of any length: only the visible lines exist in the page. Follows its end until one scrolls up. */
export function LogView({ lines, fileName, label, note }: LogViewProps) {
  const frame = React.useRef<HTMLElement>(null);
  const [follow, setFollow] = React.useState(true);
  const [wrap, setWrap] = React.useState(false);
  const [query, setQuery] = React.useState("");
  const [current, setCurrent] = React.useState(0);
  const needle = React.useDeferredValue(query.trim().toLowerCase());
  const matches = React.useMemo(() => findLines(lines, needle), [lines, needle]);

  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => frame.current,
    estimateSize: () => LINE_HEIGHT_PX,
    overscan: 20,
  });

  React.useEffect(() => {
    if (follow && lines.length > 0) virtualizer.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, virtualizer]);

  function goTo(step: number): void {
    if (matches.length === 0) return;
    const next = (current + step + matches.length) % matches.length;
    const line = matches[next];
    setCurrent(next);
    setFollow(false);
    if (line !== undefined) virtualizer.scrollToIndex(line, { align: "center" });
  }

  function onScroll(): void {
    const element = frame.current;
    if (!element) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < LINE_HEIGHT_PX * 2;
    if (!atEnd && follow && !virtualizer.isScrolling) return;
    if (atEnd !== follow) setFollow(atEnd);
  }

  return (
    <div className="overflow-hidden rounded-lg border border-border">
      <div className="flex flex-wrap items-center gap-2 border-b border-border bg-surface p-2">
        <div className="flex w-full items-center gap-1 sm:w-auto">
          <div className="relative w-full sm:w-60">
            <Search
              aria-hidden="true"
              className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-muted-foreground"
            />
            <Input
              type="search"
              aria-label={texts.search}
              placeholder={texts.search}
              value={query}
              className="h-8 pl-8 text-[0.8125rem]"
              onChange={(event) => {
                setQuery(event.target.value);
                setCurrent(0);
              }}
              onKeyDown={(event) => {
                if (event.key === "Enter") goTo(event.shiftKey ? -1 : 1);
              }}
            />
          </div>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label={texts.previous}
            disabled={matches.length === 0}
            onClick={() => goTo(-1)}
          >
            <ChevronUp />
          </Button>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label={texts.next}
            disabled={matches.length === 0}
            onClick={() => goTo(1)}
          >
            <ChevronDown />
          </Button>
          <span aria-live="polite" className="min-w-16 text-xs text-muted-foreground">
            {needle ? (matches.length > 0 ? `${count(current + 1)} / ${count(matches.length)}` : texts.noMatch) : ""}
          </span>
        </div>
        <div className="ml-auto flex items-center gap-1">
          {note}
          <span className="px-1 text-xs text-muted-foreground">{texts.lines(lines.length)}</span>
          <Tooltip content={texts.wrap}>
            <Button
              variant={wrap ? "secondary" : "ghost"}
              size="icon-sm"
              aria-pressed={wrap}
              aria-label={texts.wrap}
              onClick={() => setWrap(!wrap)}
            >
              <WrapText />
            </Button>
          </Tooltip>
          <Tooltip content={texts.follow}>
            <Button
              variant={follow ? "secondary" : "ghost"}
              size="icon-sm"
              aria-pressed={follow}
              aria-label={texts.follow}
              onClick={() => setFollow(!follow)}
            >
              <ArrowDownToLine />
            </Button>
          </Tooltip>
          <Tooltip content={texts.download}>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label={texts.download}
              disabled={lines.length === 0}
              onClick={() => download(lines, fileName)}
            >
              <Download />
            </Button>
          </Tooltip>
        </div>
      </div>
      <section
        ref={frame}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be focusable (WCAG 2.1.1)
        tabIndex={0}
        onScroll={onScroll}
        className="h-[min(36rem,65vh)] overflow-auto bg-log py-2 font-mono text-xs leading-5 focus-visible:-outline-offset-2"
      >
        {lines.length === 0 ? <p className="px-4 py-2 font-sans text-muted-foreground">{texts.empty}</p> : null}
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
                matches[current] === item.index && needle && "bg-warn-soft",
              )}
            >
              <span aria-hidden="true" className="w-10 shrink-0 text-right text-muted-foreground select-none">
                {item.index + 1}
              </span>
              <LogLine line={lines[item.index] ?? ""} needle={needle} wrap={wrap} />
            </div>
          ))}
        </div>
      </section>
    </div>
  );
}

function findLines(lines: readonly string[], needle: string): number[] {
  if (!needle) return [];
  return lines.flatMap((line, index) => (plainText(line).toLowerCase().includes(needle) ? [index] : []));
}

function download(lines: readonly string[], fileName: string): void {
  const blob = new Blob([lines.map(plainText).join("\n"), "\n"], { type: "text/plain;charset=utf-8" });
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(url);
}
