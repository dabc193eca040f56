import { ChevronDown, ChevronsDown, ChevronUp, Download, Search, WrapText } from "lucide-react";
import type * as React from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Tooltip } from "@/components/utils/Tooltip";
import { texts } from "@/lib/texts/logs";

type LogToolbarProps = {
  searchRef: React.Ref<HTMLInputElement>;
  query: string;
  onQuery: (query: string) => void;
  /** To the next match or the one before. */
  onStep: (by: 1 | -1) => void;
  /** Which of how many matches is shown; nothing without a search. */
  found: { current: number; all: number } | null;
  state?: React.ReactNode;
  lines: number;
  /** What a download saves. */
  download: string;
  wrap: boolean;
  onWrap: (wrap: boolean) => void;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  /** Nothing to download without it. */
  onDownload: (() => void) | null;
};

/** The bar above a log: search on the left, what it is and how it is shown on the right. */
export function LogToolbar(props: LogToolbarProps) {
  const {
    searchRef,
    query,
    onQuery,
    onStep,
    found,
    state,
    lines,
    wrap,
    onWrap,
    follow,
    onFollow,
    download,
    onDownload,
  } = props;
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-border bg-surface p-2">
      <div className="flex w-full items-center gap-1 sm:w-auto">
        <div className="relative w-full sm:w-60">
          <Search
            aria-hidden="true"
            className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-muted-foreground"
          />
          <Input
            ref={searchRef}
            type="search"
            aria-label={texts.search}
            placeholder={texts.search}
            value={query}
            className="h-8 pl-8 text-[0.8125rem]"
            onChange={(event) => onQuery(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
              if (event.key === "Escape") onQuery("");
            }}
          />
        </div>
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={texts.previous}
          disabled={!found || found.all === 0}
          onClick={() => onStep(-1)}
        >
          <ChevronUp />
        </Button>
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={texts.next}
          disabled={!found || found.all === 0}
          onClick={() => onStep(1)}
        >
          <ChevronDown />
        </Button>
        <span aria-live="polite" className="min-w-16 text-xs text-muted-foreground">
          {found ? (found.all > 0 ? texts.matches(found.current, found.all) : texts.noMatch) : ""}
        </span>
      </div>
      <div className="ml-auto flex items-center gap-1">
        {state}
        <span className="px-1 text-xs text-muted-foreground">{texts.lines(lines)}</span>
        <Toggle label={texts.wrap} pressed={wrap} onPress={onWrap} icon={<WrapText />} />
        <Toggle label={texts.follow} pressed={follow} onPress={onFollow} icon={<ChevronsDown />} />
        <Tooltip content={download}>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label={download}
            disabled={!onDownload}
            onClick={() => onDownload?.()}
          >
            <Download />
          </Button>
        </Tooltip>
      </div>
    </div>
  );
}

type ToggleProps = { label: string; pressed: boolean; onPress: (pressed: boolean) => void; icon: React.ReactNode };

function Toggle({ label, pressed, onPress, icon }: ToggleProps) {
  return (
    <Tooltip content={label}>
      <Button
        variant={pressed ? "secondary" : "ghost"}
        size="icon-sm"
        aria-pressed={pressed}
        aria-label={label}
        onClick={() => onPress(!pressed)}
      >
        {icon}
      </Button>
    </Tooltip>
  );
}
