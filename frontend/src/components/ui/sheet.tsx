import { X } from "lucide-react";
import { Dialog as SheetPrimitive } from "radix-ui";
import type * as React from "react";
import { overlayClasses } from "@/components/ui/dialog";
import { cn } from "@/lib/utils";

export const Sheet = SheetPrimitive.Root;

type SheetContentProps = React.ComponentProps<typeof SheetPrimitive.Content> & { side?: "left" | "right" };

export function SheetContent({ className, children, side = "right", ...props }: SheetContentProps) {
  return (
    <SheetPrimitive.Portal>
      <SheetPrimitive.Overlay className={overlayClasses} />
      <SheetPrimitive.Content
        data-slot="sheet-content"
        // The panel itself takes the focus: its heading is read, and nothing in it is half done by Enter.
        onOpenAutoFocus={(event) => {
          event.preventDefault();
          if (event.target instanceof HTMLElement) event.target.focus();
        }}
        className={cn(
          "fixed inset-y-0 z-50 flex scroll-pt-24 scroll-pb-24 flex-col overflow-y-auto border-border bg-surface-raised shadow-raised outline-none data-[state=open]:animate-in data-[state=open]:duration-200",
          side === "right"
            ? "right-0 w-full max-w-xl border-l data-[state=open]:slide-in-from-right-8 data-[state=open]:fade-in-0"
            : "left-0 w-72 max-w-[85vw] border-r data-[state=open]:slide-in-from-left-8 data-[state=open]:fade-in-0",
          className,
        )}
        {...props}
      >
        {children}
        {/* Last for the keyboard, first on the screen, and there however far one has scrolled. */}
        <div className="sticky top-0 z-20 order-first h-0 shrink-0">
          <SheetPrimitive.Close className="absolute top-3.5 right-3.5 grid size-7 place-items-center rounded-md text-muted-foreground hover:bg-accent hover:text-foreground">
            <X className="size-4" />
            <span className="sr-only">Close</span>
          </SheetPrimitive.Close>
        </div>
      </SheetPrimitive.Content>
    </SheetPrimitive.Portal>
  );
}

export function SheetHeader({ className, ...props }: React.ComponentProps<"div">) {
  return (
    <div
      className={cn("sticky top-0 z-10 grid gap-1 border-b border-border bg-surface-raised p-5 pr-14", className)}
      {...props}
    />
  );
}

export function SheetTitle({ className, ...props }: React.ComponentProps<typeof SheetPrimitive.Title>) {
  return <SheetPrimitive.Title className={cn("text-base font-semibold", className)} {...props} />;
}

export function SheetDescription({ className, ...props }: React.ComponentProps<typeof SheetPrimitive.Description>) {
  return <SheetPrimitive.Description className={cn("text-[0.8125rem] text-muted-foreground", className)} {...props} />;
}
