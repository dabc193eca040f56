import { cva } from "class-variance-authority";
import type * as React from "react";
import type { BadgeTone } from "@/lib/tones";
import { cn } from "@/lib/utils";

const badgeVariants = cva(
  "inline-flex h-5.5 w-fit shrink-0 items-center gap-1.5 rounded-md px-1.5 text-xs font-medium whitespace-nowrap [&_svg]:size-3",
  {
    variants: {
      tone: {
        neutral: "bg-muted text-foreground",
        outline: "border border-border text-muted-foreground",
        primary: "bg-primary-soft text-primary",
        ok: "bg-ok-soft text-ok",
        active: "bg-active-soft text-active",
        warn: "bg-warn-soft text-warn",
        calm: "bg-calm-soft text-calm",
        off: "bg-off-soft text-off",
        bad: "bg-destructive-soft text-destructive",
      },
    },
    defaultVariants: { tone: "neutral" },
  },
);

export function Badge({ className, tone, ...props }: React.ComponentProps<"span"> & { tone?: BadgeTone }) {
  return <span data-slot="badge" className={cn(badgeVariants({ tone }), className)} {...props} />;
}
