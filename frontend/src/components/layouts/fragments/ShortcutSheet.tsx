import { Dialog, DialogContent, DialogDescription, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { texts } from "@/lib/texts/layout";

export function ShortcutSheet({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <DialogContent className="max-w-md">
        <DialogHeader>
          <DialogTitle>{texts.shortcuts.title}</DialogTitle>
          <DialogDescription>{texts.shortcuts.description}</DialogDescription>
        </DialogHeader>
        <dl className="grid gap-1">
          {texts.shortcuts.list.map(({ keys, does }) => (
            <div
              key={does}
              className="flex min-h-8 items-center justify-between gap-4 border-b border-border/60 last:border-0"
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
      </DialogContent>
    </Dialog>
  );
}
