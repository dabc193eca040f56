import { ChevronDown } from "lucide-react";
import type * as React from "react";
import { inputClasses } from "@/components/ui/input";
import { cn } from "@/lib/utils";

type NativeSelectProps = Omit<React.ComponentProps<"select">, "size"> & { size?: "default" | "sm" };

/** The platform's own select: the best keyboard and phone behaviour there is. */
export function NativeSelect({ className, size = "default", ...props }: NativeSelectProps) {
  return (
    <span className={cn("relative inline-flex w-full", className)}>
      <select
        data-slot="native-select"
        className={cn(inputClasses, "appearance-none pr-8", size === "sm" ? "h-8 pl-2.5 text-[0.8125rem]" : "h-9")}
        {...props}
      />
      <ChevronDown
        aria-hidden="true"
        className="pointer-events-none absolute top-1/2 right-2.5 size-4 -translate-y-1/2 text-muted-foreground"
      />
    </span>
  );
}
