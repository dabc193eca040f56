import { useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { createBatcher } from "@/lib/batcher";
import { followEvents } from "@/lib/event-stream";
import { EVERYTHING, isMarked, marksOf } from "@/lib/live-keys";

/** Between two refreshes of what is visible, so that a thousand changes cost no more than a few questions. */
const GAP_MS = 250;

/** Joins an organisation's stream of changes to the query cache, for as long as the component is there. */
export function useLiveUpdates(orgId: string): void {
  const queryClient = useQueryClient();
  React.useEffect(() => {
    const abort = new AbortController();
    const batcher = createBatcher<string>(async (marks) => {
      await queryClient.invalidateQueries({ predicate: (query) => isMarked(query, marks) });
    }, GAP_MS);
    void followEvents({
      orgId,
      signal: abort.signal,
      onChange: (data) => batcher.add(marksOf(data)),
      onResync: () => batcher.add([EVERYTHING]),
    });
    return () => {
      abort.abort();
      batcher.stop();
    };
  }, [orgId, queryClient]);
}
