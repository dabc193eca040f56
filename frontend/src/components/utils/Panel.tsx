import type * as React from "react";
import { Sheet, SheetContent, SheetDescription, SheetHeader, SheetTitle } from "@/components/ui/sheet";

type PanelProps = {
  open: boolean;
  onClose: () => void;
  title: React.ReactNode;
  description: React.ReactNode;
  children: React.ReactNode;
};

/** A side panel with a heading: what one does keeps the list beside it in view. */
export function Panel({ open, onClose, title, description, children }: PanelProps) {
  return (
    <Sheet open={open} onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}>
      <SheetContent>
        <SheetHeader>
          <SheetTitle>{title}</SheetTitle>
          <SheetDescription>{description}</SheetDescription>
        </SheetHeader>
        <div className="p-5">{children}</div>
      </SheetContent>
    </Sheet>
  );
}
