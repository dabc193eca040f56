import type * as React from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { texts } from "@/lib/texts/common";

type FormFrameProps = {
  onSubmit: (event: React.FormEvent<HTMLFormElement>) => void;
  error: string | null;
  busy: boolean;
  submit: string;
  onCancel?: (() => void) | undefined;
  /** Why the form can't be sent, where it can't. */
  reason?: string | null;
  children: React.ReactNode;
};

/** A form's frame: what the server refused stands above the buttons, where one looks after sending. */
export function FormFrame({ onSubmit, error, busy, submit, onCancel, reason, children }: FormFrameProps) {
  return (
    <form onSubmit={onSubmit} noValidate className="grid gap-4">
      {children}
      <div
        // In a panel it stays in view, however long the form is.
        className="grid gap-4 in-data-[slot=sheet-content]:sticky in-data-[slot=sheet-content]:bottom-0 in-data-[slot=sheet-content]:z-10 in-data-[slot=sheet-content]:-mx-5 in-data-[slot=sheet-content]:-mb-5 in-data-[slot=sheet-content]:border-t in-data-[slot=sheet-content]:border-border in-data-[slot=sheet-content]:bg-surface-raised in-data-[slot=sheet-content]:px-5 in-data-[slot=sheet-content]:py-3"
      >
        {error ? <Alert tone="bad">{error}</Alert> : null}
        {reason ? <Alert tone="info">{reason}</Alert> : null}
        <div className="flex flex-wrap justify-end gap-2">
          {onCancel ? (
            <Button variant="outline" onClick={onCancel}>
              {texts.cancel}
            </Button>
          ) : null}
          <Button type="submit" disabled={busy || Boolean(reason)}>
            {busy ? texts.working : submit}
          </Button>
        </div>
      </div>
    </form>
  );
}
