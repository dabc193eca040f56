import * as React from "react";
import type { z } from "zod";

/** A small preference that outlives the page, such as the columns of a table. */
export function useStored<T>(key: string, schema: z.ZodType<T>, initial: T): [T, (value: T) => void] {
  const [value, setValue] = React.useState<T>(() => {
    try {
      return schema.parse(JSON.parse(localStorage.getItem(key) ?? ""));
    } catch {
      return initial;
    }
  });
  const store = React.useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(key, JSON.stringify(next));
      } catch {
        // Without storage the preference lasts until the page is closed.
      }
    },
    [key],
  );
  return [value, store];
}
