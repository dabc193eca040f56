import * as React from "react";
import { SingleKeysSwitch } from "@/components/layouts/fragments/SingleKeysSwitch";
import { Dialog, DialogContent, DialogDescription, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { singleKeys } from "@/lib/single-keys";
import { texts } from "@/lib/texts/layout";
import { cn } from "@/lib/utils";

/** These work whether single keys do or not. */
const ALWAYS: readonly string[] = ["Ctrl", "Esc"];

export function ShortcutSheet({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const hasSingleKeys = React.useSyncExternalStore(singleKeys.subscribe, singleKeys.get);
  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <DialogContent
        className="max-w-md"
        // It is there to be read: the focus must not begin on what turns the keys off.
        onOpenAutoFocus={(event) => {
          event.preventDefault();
          if (event.target instanceof HTMLElement) event.target.focus();
        }}
      >
        <DialogHeader>
          <DialogTitle>{texts.shortcuts.title}</DialogTitle>
          <DialogDescription>{texts.shortcuts.description}</DialogDescription>
        </DialogHeader>
        <dl className="grid gap-1">
          {texts.shortcuts.list.map(({ keys, does }) => (
            <div
              key={does}
              className={cn(
                "flex min-h-8 items-center justify-between gap-4 border-b border-border/60 last:border-0",
                !hasSingleKeys && !ALWAYS.includes(keys[0] ?? "") && "text-muted-foreground line-through",
              )}
            >
              <dt className="text-[0.8125rem]">{does}</dt>
              <dd className="flex gap-1">
                {keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
        <SingleKeysSwitch />
      </DialogContent>
    </Dialog>
  );
}
