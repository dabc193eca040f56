import * as React from "react";
import type { FieldValues, Path, UseFormReturn } from "react-hook-form";
import { toProblem } from "@/lib/problem";

/**
 * Puts a refusal of the server where it belongs: each invalid field's message at its field, everything else
 * above the form. `rename` maps the api's field names to the form's where they differ.
 */
export function useServerErrors<Values extends FieldValues>(
  form: UseFormReturn<Values>,
  rename: Readonly<Record<string, Path<Values>>> = {},
): { formError: string | null; report: (error: unknown) => void; reset: () => void } {
  const [formError, setFormError] = React.useState<string | null>(null);
  function report(error: unknown): void {
    const problem = toProblem(error);
    const known = form.getValues();
    const unplaced: string[] = [];
    let focused = false;
    for (const { field, message } of problem.errors) {
      const path = rename[field] ?? (field as Path<Values>);
      const root = String(path).split(".")[0] ?? "";
      if (Object.hasOwn(known, root)) {
        form.setError(path, { type: "server", message }, { shouldFocus: !focused });
        focused = true;
      } else {
        unplaced.push(field ? `${field}: ${message}` : message);
      }
    }
    setFormError(problem.errors.length > 0 ? unplaced.join(" ") || null : problem.detail);
  }
  return { formError, report, reset: () => setFormError(null) };
}
