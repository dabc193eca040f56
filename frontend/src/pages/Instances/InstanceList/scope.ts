import { z } from "zod";

const idSchema = z.uuid().nullable().catch(null);

export type Scope = { runner: string | null; node: string | null };

/** What the list is narrowed to by the URL; what can be no id is as if it were not there. */
export function readScope(params: URLSearchParams): Scope {
  return { runner: idSchema.parse(params.get("runner")), node: idSchema.parse(params.get("node")) };
}

type Choice = { value: string; label: string };

/** The choices with the one that is set: what is not among them (removed, or one of many) can still be cleared. */
export function withChosen(
  choices: readonly Choice[],
  chosen: string | null,
  unknown: (id: string) => string,
): Choice[] {
  const isMissing = chosen !== null && !choices.some((choice) => choice.value === chosen);
  return [...(isMissing ? [{ value: chosen, label: unknown(chosen) }] : []), ...choices];
}
