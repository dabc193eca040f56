import { Button } from "@/components/ui/button";
import {
  Dialog,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
} from "@/components/ui/dialog";
import { CopyBlock } from "@/components/utils/CopyButton";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/organisation";

const t = texts.members.token;

/** An invitation's link, shown this once. */
export function InvitationDialog({ token, onClose }: { token: string | null; onClose: () => void }) {
  const link = `${window.location.origin}${routes.register}?${new URLSearchParams({ invitation: token ?? "" })}`;
  return (
    <Dialog open={token !== null} onOpenChange={(open) => (open ? undefined : onClose())}>
      <DialogContent
        // It is shown this once: only what says so closes it, not a key or a click beside it.
        onEscapeKeyDown={(event) => event.preventDefault()}
        onInteractOutside={(event) => event.preventDefault()}
      >
        <DialogHeader>
          <DialogTitle>{t.title}</DialogTitle>
          <DialogDescription>{t.body}</DialogDescription>
        </DialogHeader>
        {/* Whole, not cut off below the button. */}
        <div className="min-w-0 [&_pre]:break-all [&_pre]:whitespace-pre-wrap">
          <CopyBlock text={link} label="invitation link" />
        </div>
        <DialogFooter>
          <Button onClick={onClose}>{t.done}</Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  );
}
