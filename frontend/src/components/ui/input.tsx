import type * as React from "react";
import { cn } from "@/lib/utils";

// Code is set in 13 px: at 14 px Chromium cuts off the underscores of some monospace fonts.
export const inputClasses =
  "w-full min-w-0 rounded-md border border-input bg-surface px-3 text-sm transition-colors placeholder:text-muted-foreground/80 focus-visible:border-ring focus-visible:outline-2 focus-visible:outline-offset-0 disabled:cursor-not-allowed disabled:bg-muted disabled:opacity-70 aria-invalid:border-destructive [&.font-mono]:text-[0.8125rem]";

export function Input({ className, type, ...props }: React.ComponentProps<"input">) {
  return <input type={type ?? "text"} data-slot="input" className={cn(inputClasses, "h-9", className)} {...props} />;
}
