import * as React from "react";
import { Alert } from "@/components/ui/alert";
import {
  AlertDialog,
  AlertDialogCancel,
  AlertDialogContent,
  AlertDialogDescription,
  AlertDialogTitle,
} from "@/components/ui/alert-dialog";
import { Button } from "@/components/ui/button";
import { TypeToConfirm } from "@/components/utils/TypeToConfirm";
import { toProblem } from "@/lib/problem";
import { texts } from "@/lib/texts/common";

export type Confirmation = {
  title: string;
  /** What will happen, in plain words. */
  description: React.ReactNode;
  /** The verb on the button. */
  action: string;
  /** The resource's name, to be typed in when what follows can't be undone. */
  typeToConfirm?: string;
  destructive?: boolean;
  run: () => Promise<unknown>;
};

type ConfirmDialogProps = { confirmation: Confirmation | null; onClose: () => void };

/** Asks before something is done; stays open and says why when it failed. */
export function ConfirmDialog({ confirmation, onClose }: ConfirmDialogProps) {
  return (
    <AlertDialog open={confirmation !== null} onOpenChange={(open) => (open ? undefined : onClose())}>
      {confirmation ? (
        <AlertDialogContent>
          <ConfirmBody key={confirmation.title} confirmation={confirmation} onClose={onClose} />
        </AlertDialogContent>
      ) : null}
    </AlertDialog>
  );
}

function ConfirmBody({ confirmation, onClose }: { confirmation: Confirmation; onClose: () => void }) {
  const [typed, setTyped] = React.useState("");
  const [busy, setBusy] = React.useState(false);
  const [failure, setFailure] = React.useState<string | null>(null);
  const mustType = confirmation.typeToConfirm;
  const ready = mustType === undefined || typed === mustType;

  async function run(event: React.FormEvent): Promise<void> {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    setFailure(null);
    try {
      await confirmation.run();
      onClose();
    } catch (error) {
      setFailure(toProblem(error).detail);
      setBusy(false);
    }
  }

  return (
    <form onSubmit={run} className="grid gap-4">
      <div className="grid gap-1.5">
        <AlertDialogTitle>{confirmation.title}</AlertDialogTitle>
        <AlertDialogDescription asChild>
          <div>{confirmation.description}</div>
        </AlertDialogDescription>
      </div>
      {mustType === undefined ? null : <TypeToConfirm what={mustType} value={typed} onChange={setTyped} />}
      {failure ? <Alert tone="bad">{failure}</Alert> : null}
      <div className="flex flex-wrap justify-end gap-2">
        <AlertDialogCancel asChild>
          <Button variant="outline">{texts.cancel}</Button>
        </AlertDialogCancel>
        <Button type="submit" variant={confirmation.destructive ? "destructive" : "default"} disabled={!ready || busy}>
          {busy ? texts.working : confirmation.action}
        </Button>
      </div>
    </form>
  );
}

/** Holds what is to be confirmed. */
export function useConfirmation(): {
  confirmation: Confirmation | null;
  ask: (what: Confirmation) => void;
  close: () => void;
} {
  const [confirmation, setConfirmation] = React.useState<Confirmation | null>(null);
  const close = React.useCallback(() => setConfirmation(null), []);
  return { confirmation, ask: setConfirmation, close };
}
