import { cn } from "@/lib/utils";

type ProgressProps = {
  value: number;
  max?: number;
  label: string;
  tone?: "primary" | "warn" | "bad";
  className?: string;
};

const tones = { primary: "bg-primary", warn: "bg-warn", bad: "bg-destructive" };

/** A share of a whole. The label names it for those who do not see the bar. */
export function Progress({ value, max = 100, label, tone = "primary", className }: ProgressProps) {
  const percent = max > 0 ? Math.min(100, Math.max(0, (value / max) * 100)) : 0;
  return (
    // biome-ignore lint/a11y/useSemanticElements: <meter> can't be styled alike in all browsers
    <div
      data-slot="progress"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={value}
      className={cn("h-1.5 w-full overflow-hidden rounded-full bg-muted", className)}
    >
      <div className={cn("h-full rounded-full transition-[width]", tones[tone])} style={{ width: `${percent}%` }} />
    </div>
  );
}
