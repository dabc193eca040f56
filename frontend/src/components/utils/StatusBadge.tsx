import * as React from "react";
import { Badge } from "@/components/ui/badge";
import { Tooltip } from "@/components/utils/Tooltip";
import { tellOnTap } from "@/components/utils/tap";
import type { StatusLook, StatusShape } from "@/lib/status";
import { cn } from "@/lib/utils";

/** The shape of a status on a 10 × 10 grid, so that it reads without its colour. */
export function StatusMark({ shape, className }: { shape: StatusShape; className?: string }) {
  return (
    <svg viewBox="0 0 10 10" aria-hidden="true" className={cn("size-2.5! shrink-0", className)}>
      {SHAPES[shape]}
    </svg>
  );
}

const line = { fill: "none", stroke: "currentColor", strokeWidth: 1.8 } as const;

const SHAPES: Record<StatusShape, React.ReactNode> = {
  ring: <circle cx="5" cy="5" r="3.6" {...line} />,
  disc: <circle cx="5" cy="5" r="4.4" fill="currentColor" />,
  half: (
    <>
      <circle cx="5" cy="5" r="3.6" {...line} />
      <path d="M5 1.4a3.6 3.6 0 0 1 0 7.2z" fill="currentColor" />
    </>
  ),
  slash: (
    <>
      <circle cx="5" cy="5" r="3.6" {...line} strokeWidth={1.4} />
      <path d="M2.4 7.6 7.6 2.4" {...line} strokeWidth={1.4} />
    </>
  ),
  dashes: <circle cx="5" cy="5" r="3.6" {...line} strokeDasharray="2.4 1.37" />,
  triangle: <path d="M1 2h8L5 9z" fill="currentColor" />,
  diamond: <path d="M5 .4 9.6 5 5 9.6.4 5z" fill="currentColor" />,
  square: <rect x="1.4" y="1.4" width="7.2" height="7.2" rx="1" fill="currentColor" />,
  "hollow-square": <rect x="1.6" y="1.6" width="6.8" height="6.8" rx="1" {...line} />,
};

/**
 * A status: word, shape and colour together, with its meaning on hover and at a tap. What only this one has to tell,
 * such as why it failed, is in the Tab key's way as well.
 */
export function StatusBadge({ look, detail }: { look: StatusLook; detail?: string | null | undefined }) {
  // Only what changes while one looks lights up, not what the page came with.
  const [seen, setSeen] = React.useState({ word: look.word, changed: false });
  if (seen.word !== look.word) setSeen({ word: look.word, changed: true });
  const meaning = detail || look.explain;
  return (
    <Tooltip key={look.word} content={meaning}>
      <Badge
        tone={look.tone}
        data-status={look.word}
        className={seen.changed ? "animate-changed" : undefined}
        tabIndex={detail ? 0 : undefined}
        onPointerUp={tellOnTap(meaning)}
      >
        <StatusMark shape={look.shape} />
        {look.word}
      </Badge>
    </Tooltip>
  );
}
