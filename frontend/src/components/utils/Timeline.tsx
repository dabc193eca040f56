import type * as React from "react";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { cn } from "@/lib/utils";

export type TimelineEntry = {
  id: string;
  at: string;
  title: string;
  detail?: string | null;
  /** What it happened to, where several things share a timeline. */
  about?: React.ReactNode;
  tone?: "normal" | "bad" | "warn" | "good";
};

const DOTS = { normal: "bg-muted-foreground", bad: "bg-destructive", warn: "bg-warn", good: "bg-ok" };

/** What happened, newest first. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  return (
    <ol className="grid">
      {entries.map((entry, index) => (
        <li key={entry.id} className="group grid grid-cols-[1rem_minmax(0,1fr)] gap-x-3">
          <span aria-hidden="true" className="grid grid-rows-[1.25rem_1fr] justify-items-center">
            <span className={cn("size-2 self-center rounded-full", DOTS[entry.tone ?? "normal"])} />
            {index < entries.length - 1 ? <span className="w-px bg-border" /> : null}
          </span>
          <div className="grid min-w-0 gap-0.5 pb-4 group-last:pb-0 text-[0.8125rem]">
            <p className="grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-4">
              <span className={cn("min-w-0 break-words", entry.tone === "bad" && "text-destructive")}>
                {entry.title}
              </span>
              <span className="text-xs text-muted-foreground">
                <TimeAgo at={entry.at} />
              </span>
            </p>
            {entry.about ? <p className="min-w-0 truncate text-xs text-muted-foreground">{entry.about}</p> : null}
            {entry.detail ? (
              <pre className="max-h-40 overflow-auto rounded-md bg-log p-2 font-mono text-xs whitespace-pre-wrap break-words text-muted-foreground">
                {entry.detail}
              </pre>
            ) : null}
          </div>
        </li>
      ))}
    </ol>
  );
}
