import * as React from "react";
import { Label } from "@/components/ui/label";
import { texts } from "@/lib/texts/common";
import { cn } from "@/lib/utils";

type FieldProps = {
  label: React.ReactNode;
  /** One sentence that helps to fill the field in. */
  hint?: React.ReactNode;
  error?: string | undefined;
  optional?: boolean;
  className?: string;
  /** The control; it receives id, aria-describedby and aria-invalid. */
  children: React.ReactElement<{ id?: string; "aria-describedby"?: string; "aria-invalid"?: boolean }>;
};

/** A labelled control with its hint and its error, tied together for assistive technology. */
export function Field({ label, hint, error, optional, className, children }: FieldProps) {
  const id = React.useId();
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  const describedBy = [hint ? hintId : null, error ? errorId : null].filter(Boolean).join(" ");
  return (
    <div data-slot="field" className={cn("grid content-start gap-1.5", className)}>
      <Label htmlFor={id}>
        {label}
        {optional ? <span className="font-normal text-muted-foreground">{texts.optional}</span> : null}
      </Label>
      {React.cloneElement(children, {
        id,
        "aria-describedby": describedBy || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {error ? (
        <p id={errorId} role="alert" className="text-xs text-destructive">
          {error}
        </p>
      ) : null}
      {hint ? (
        <p id={hintId} className="text-xs text-muted-foreground">
          {hint}
        </p>
      ) : null}
    </div>
  );
}
