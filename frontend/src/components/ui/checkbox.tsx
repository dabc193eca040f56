import { Check, Minus } from "lucide-react";
import { Checkbox as CheckboxPrimitive } from "radix-ui";
import type * as React from "react";
import { cn } from "@/lib/utils";

/** The box is 16 px, its target 24 px (WCAG 2.2, target size). */
export function Checkbox({ className, ...props }: React.ComponentProps<typeof CheckboxPrimitive.Root>) {
  return (
    <CheckboxPrimitive.Root
      data-slot="checkbox"
      className={cn("group grid size-6 shrink-0 place-items-center rounded-sm disabled:opacity-50", className)}
      {...props}
    >
      <span className="grid size-4 place-items-center rounded-sm border border-input bg-surface text-primary-foreground group-data-[state=checked]:border-primary group-data-[state=checked]:bg-primary group-data-[state=indeterminate]:border-primary group-data-[state=indeterminate]:bg-primary">
        <CheckboxPrimitive.Indicator>
          <Check className="size-3 group-data-[state=indeterminate]:hidden" strokeWidth={3} />
          <Minus className="hidden size-3 group-data-[state=indeterminate]:block" strokeWidth={3} />
        </CheckboxPrimitive.Indicator>
      </span>
    </CheckboxPrimitive.Root>
  );
}
