import { z } from "zod";

/** Which columns somebody has chosen to see, or not to see; the others follow from the room there is. */
export type ColumnChoices = Readonly<Record<string, boolean>>;

export const columnChoicesSchema: z.ZodType<ColumnChoices> = z.union([
  z.record(z.string(), z.boolean()),
  // As it was stored before: the hidden ones.
  z.array(z.string()).transform((hidden) => Object.fromEntries(hidden.map((id) => [id, false]))),
]);

export type Choosable = {
  id: string;
  /** On small screens the less important columns give way. */
  priority?: "high" | "mid" | "low";
  /** It can't be hidden. */
  fixed?: boolean;
  /** It is hidden until someone chooses it. */
  hiddenAtFirst?: boolean;
};

export type Room = Readonly<Record<"high" | "mid" | "low", boolean>>;

/** Whether a column shows: what somebody chose counts on a phone too. */
export function isShown(column: Choosable, choices: ColumnChoices, room: Room): boolean {
  if (column.fixed) return true;
  const chosen = Object.hasOwn(choices, column.id) ? choices[column.id] : undefined;
  return chosen ?? (!column.hiddenAtFirst && room[column.priority ?? "high"]);
}
