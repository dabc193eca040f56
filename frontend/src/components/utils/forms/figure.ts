import { z } from "zod";
import { texts } from "@/lib/texts/forms";

/** A number as it is typed; whether it is one is asked only where its field is on the page. */
export const typed = z.union([z.string(), z.number()]);

export type Bounds = {
  min: number;
  max: number;
  /** Whether it may have a fraction. */
  fraction?: boolean;
};

/** What is wrong with a number that was typed, or null where it is one within its bounds. */
export function figureError(value: string | number, { min, max, fraction = false }: Bounds): string | null {
  const figure = String(value).trim() === "" ? Number.NaN : Number(value);
  const fits = figure >= min && figure <= max && (fraction || Number.isInteger(figure));
  return fits ? null : fraction ? texts.figure.any(min, max) : texts.figure.whole(min, max);
}

/** A field for a number: what is wrong with it is said in words. */
export function figure(bounds: Bounds) {
  return typed
    .superRefine((value, context) => {
      const message = figureError(value, bounds);
      if (message) context.addIssue({ code: "custom", message });
    })
    .transform(Number);
}
