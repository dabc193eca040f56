import { cn } from "@/lib/utils";

/** The mark: a heading that leaves its ring. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" fill="none" aria-hidden="true" className={cn("size-6 text-primary", className)}>
      <g stroke="currentColor" strokeWidth="3.2" strokeLinecap="round" strokeLinejoin="round">
        <path d="M21.5 5.2A12 12 0 1 0 21.5 26.8" />
        <path d="M10.5 16H20" opacity="0.5" />
        <path d="M21 9.5 28 16l-7 6.5" />
      </g>
    </svg>
  );
}

/** The mark with the name beside it. */
export function Wordmark({ className }: { className?: string }) {
  return (
    <span className={cn("inline-flex items-center gap-2 text-[0.9375rem] font-semibold tracking-tight", className)}>
      <Mark />
      Runner Pilot
    </span>
  );
}
