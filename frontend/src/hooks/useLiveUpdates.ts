import { type Query, type QueryClient, useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { calmGap, createBatcher } from "@/lib/batcher";
import { connectionStore } from "@/lib/connection";
import { followEvents } from "@/lib/event-stream";
import { EVERYTHING, isMarked, marksOf, operationOf } from "@/lib/live-keys";
import { applyPatches, type Patch, patchOf } from "@/lib/live-patch";

/** The first change is drawn at once, those of the next stretch together: ten times a second looks smooth. */
const DRAW_MS = 100;

/**
 * Joins an organisation's stream of changes to the query cache, for as long as the component is there. What
 * an event says by itself shows at once; what it makes old is asked for again, the less often the more happens.
 */
export function useLiveUpdates(orgId: string): void {
  const queryClient = useQueryClient();
  React.useEffect(() => {
    const abort = new AbortController();
    const questions = createBatcher<string>(async (marks) => {
      await queryClient.invalidateQueries({ predicate: (query) => isMarked(query, marks) });
    }, calmGap);
    const drawings = createBatcher<Patch>(async (patches) => applyPatches(queryClient, new Map(patches)), DRAW_MS);
    void followEvents({
      orgId,
      signal: abort.signal,
      onChange(data) {
        const patch = patchOf(data);
        if (patch) drawings.add([patch]);
        questions.add(marksOf(data));
      },
      onResync: () => questions.add([EVERYTHING]),
    });
    // Queries look at how often to ask only when they are answered: without live changes they begin at once. Those
    // of a tab that nobody sees are asked again when somebody does.
    let before = connectionStore.get().mode;
    const stopListening = connectionStore.subscribe(() => {
      const { mode } = connectionStore.get();
      if (before === "live" && mode !== "live" && mode !== "catching-up") questions.add([EVERYTHING]);
      // What changed between an answer and the stream's opening was told to nobody.
      if (before === "connecting" && mode === "live") askAgain(queryClient);
      before = mode;
    });
    return () => {
      stopListening();
      abort.abort();
      questions.stop();
      drawings.stop();
    };
  }, [orgId, queryClient]);
}

/** Asks again for what is answered already; but samples, of which there is one question per row, come by themselves. */
function askAgain(queryClient: QueryClient): void {
  const isAnswered = (query: Query) => {
    const operation = operationOf(query);
    return operation !== undefined && operation !== "readInstanceMetrics" && query.state.data !== undefined;
  };
  void queryClient.invalidateQueries({ predicate: isAnswered });
}
