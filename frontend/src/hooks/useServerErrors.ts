import * as React from "react";
import { type FieldErrors, type FieldValues, get, type Path, type UseFormReturn } from "react-hook-form";
import { aboutPart, placesOf } from "@/lib/field-path";
import { toProblem } from "@/lib/problem";

type ServerErrors<Values extends FieldValues> = {
  /** What belongs to no field that is on the page. */
  formError: string | null;
  /** Shows a refusal of the server. */
  report: (error: unknown) => void;
  /** Shows what the form's own checks say of fields that are not on the page; without it a button would do nothing. */
  refused: (errors: FieldErrors<Values>) => void;
  reset: () => void;
};

/**
 * Puts a refusal where it belongs: each invalid field's message at its field, or at the field that holds it;
 * everything else, and what concerns a field that is not there at the moment, above the form's buttons. `rename`
 * maps the api's field names to the form's where they differ.
 */
export function useServerErrors<Values extends FieldValues, Output = Values>(
  form: UseFormReturn<Values, unknown, Output>,
  rename: Readonly<Record<string, Path<Values>>> = {},
): ServerErrors<Values> {
  const [formError, setFormError] = React.useState<string | null>(null);
  function report(error: unknown): void {
    const problem = toProblem(error);
    const placed = new Map<string, string[]>();
    const unplaced: string[] = [];
    for (const { field, message } of problem.errors) {
      const place = placesOf(field, rename).find(({ path }) => isMounted(form, path));
      if (place) placed.set(place.path, [...(placed.get(place.path) ?? []), aboutPart(place.rest, message)]);
      else unplaced.push(aboutPart(field, message));
    }
    let focused = false;
    for (const [path, messages] of placed) {
      form.setError(path as Path<Values>, { type: "server", message: messages.join(" ") }, { shouldFocus: !focused });
      focused = true;
    }
    setFormError(problem.errors.length > 0 ? unplaced.join(" ") || null : problem.detail);
  }
  function refused(errors: FieldErrors<Values>): void {
    const unplaced = messagesOf(errors).filter(({ path }) => !isMounted(form, path));
    setFormError(unplaced.map(({ path, message }) => aboutPart(path, message)).join(" ") || null);
  }
  return { formError, report, refused, reset: () => setFormError(null) };
}

type Message = { path: string; message: string };

/** Every message in the form's nested errors, with its field. */
function messagesOf(errors: object, above = ""): Message[] {
  return Object.entries(errors).flatMap(([name, error]: [string, unknown]): Message[] => {
    if (typeof error !== "object" || error === null) return [];
    const path = above === "" ? name : `${above}.${name}`;
    if ("message" in error && typeof error.message === "string") return [{ path, message: error.message }];
    return messagesOf(error, path);
  });
}

/** Whether a field is on the page: one that is not could show nothing. */
function isMounted<Values extends FieldValues, Output>(
  form: UseFormReturn<Values, unknown, Output>,
  path: string,
): boolean {
  const field: { _f?: { mount?: boolean } } | undefined = get(form.control._fields, path);
  return field?._f?.mount === true;
}
