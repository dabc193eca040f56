import type * as React from "react";
import { cn } from "@/lib/utils";

export type Fact = { term: string; value: React.ReactNode };

/** Names and values, aligned. */
export function Facts({ facts, className }: { facts: Fact[]; className?: string }) {
  return (
    <dl
      className={cn(
        "grid grid-cols-[minmax(6.5rem,auto)_minmax(0,1fr)] items-baseline gap-x-4 gap-y-2 text-[0.8125rem]",
        className,
      )}
    >
      {facts.map(({ term, value }) => (
        <div key={term} className="contents">
          <dt className="text-muted-foreground">{term}</dt>
          <dd className="min-w-0 break-words">{value ?? <span className="text-muted-foreground">–</span>}</dd>
        </div>
      ))}
    </dl>
  );
}

type LabelsProps = { labels: readonly string[]; most?: number; wrap?: boolean };

/** Labels of a runner, as GitHub shows them. */
export function Labels({ labels, most = 4, wrap = true }: LabelsProps) {
  const shown = labels.slice(0, most);
  const more = labels.length - shown.length;
  return (
    <span className={cn("inline-flex gap-1", wrap && "flex-wrap")}>
      {shown.map((label) => (
        <span
          key={label}
          className="max-w-40 truncate rounded-full border border-border px-2 text-xs leading-5 text-muted-foreground"
        >
          {label}
        </span>
      ))}
      {more > 0 ? (
        <span className="text-xs leading-5 text-muted-foreground" title={labels.slice(most).join(", ")}>
          +{more}
        </span>
      ) : null}
    </span>
  );
}
