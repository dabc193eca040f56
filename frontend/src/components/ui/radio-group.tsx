import { RadioGroup as RadioGroupPrimitive } from "radix-ui";
import type * as React from "react";
import { cn } from "@/lib/utils";

export function RadioGroup({ className, ...props }: React.ComponentProps<typeof RadioGroupPrimitive.Root>) {
  return <RadioGroupPrimitive.Root data-slot="radio-group" className={cn("grid gap-2", className)} {...props} />;
}

type RadioCardProps = React.ComponentProps<typeof RadioGroupPrimitive.Item> & {
  title: React.ReactNode;
  description?: React.ReactNode;
  icon?: React.ReactNode;
};

/** One choice of a few that need a sentence each. */
export function RadioCard({ className, title, description, icon, ...props }: RadioCardProps) {
  return (
    <RadioGroupPrimitive.Item
      data-slot="radio-card"
      className={cn(
        "group flex items-start gap-3 rounded-lg border border-border bg-surface p-3 text-left transition-colors hover:border-input data-[state=checked]:border-primary data-[state=checked]:bg-primary-soft/50",
        className,
      )}
      {...props}
    >
      <span className="mt-0.5 grid size-4 shrink-0 place-items-center rounded-full border border-input bg-surface group-data-[state=checked]:border-primary">
        <RadioGroupPrimitive.Indicator className="size-2 rounded-full bg-primary" />
      </span>
      <span className="grid min-w-0 flex-1 gap-0.5">
        <span className="flex items-center gap-2 font-medium">
          {icon}
          {title}
        </span>
        {description ? <span className="text-xs text-muted-foreground">{description}</span> : null}
      </span>
    </RadioGroupPrimitive.Item>
  );
}
