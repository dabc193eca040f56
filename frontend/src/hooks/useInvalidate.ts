import { useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { operationOf } from "@/lib/live-keys";

/** Marks every answer of these operations old, so that what is visible of them is asked for again. */
export function useInvalidate(): (...operations: string[]) => Promise<void> {
  const queryClient = useQueryClient();
  return React.useCallback(
    (...operations) =>
      queryClient.invalidateQueries({ predicate: (query) => operations.includes(operationOf(query) ?? "") }),
    [queryClient],
  );
}
