import * as React from "react";
import { type FieldValues, get, type Path, type UseFormReturn } from "react-hook-form";
import { aboutPart, placesOf } from "@/lib/field-path";
import { toProblem } from "@/lib/problem";

/**
 * Puts a refusal of the server where it belongs: each invalid field's message at its field, or at the field that
 * holds it; everything else, and what concerns a field that is not there at the moment, above the form's
 * buttons. `rename` maps the api's field names to the form's where they differ.
 */
export function useServerErrors<Values extends FieldValues>(
  form: UseFormReturn<Values>,
  rename: Readonly<Record<string, Path<Values>>> = {},
): { formError: string | null; report: (error: unknown) => void; reset: () => void } {
  const [formError, setFormError] = React.useState<string | null>(null);
  function report(error: unknown): void {
    const problem = toProblem(error);
    const placed = new Map<string, string[]>();
    const unplaced: string[] = [];
    for (const { field, message } of problem.errors) {
      const place = placesOf(field, rename).find(({ path }) => isMounted(form, path));
      if (place) placed.set(place.path, [...(placed.get(place.path) ?? []), aboutPart(place.rest, message)]);
      else unplaced.push(field ? `${field}: ${message}` : message);
    }
    let focused = false;
    for (const [path, messages] of placed) {
      form.setError(path as Path<Values>, { type: "server", message: messages.join(" ") }, { shouldFocus: !focused });
      focused = true;
    }
    setFormError(problem.errors.length > 0 ? unplaced.join(" ") || null : problem.detail);
  }
  return { formError, report, reset: () => setFormError(null) };
}

/** Whether a field is on the page: one that is not could show nothing. */
function isMounted<Values extends FieldValues>(form: UseFormReturn<Values>, path: string): boolean {
  const field: { _f?: { mount?: boolean } } | undefined = get(form.control._fields, path);
  return field?._f?.mount === true;
}
