import { useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { calmGap, createBatcher } from "@/lib/batcher";
import { followEvents } from "@/lib/event-stream";
import { EVERYTHING, isMarked, marksOf } from "@/lib/live-keys";
import { applyPatches, patchOf } from "@/lib/live-patch";

/** Changes of this stretch are drawn together: a page that is drawn ten times a second looks smooth. */
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
    let patches = new Map<string, Record<string, unknown>>();
    let drawing: ReturnType<typeof setTimeout> | undefined;
    function draw(): void {
      drawing = undefined;
      const ready = patches;
      patches = new Map();
      applyPatches(queryClient, ready);
    }
    void followEvents({
      orgId,
      signal: abort.signal,
      onChange(data) {
        const patch = patchOf(data);
        if (patch) {
          patches.set(...patch);
          drawing ??= setTimeout(draw, DRAW_MS);
        }
        questions.add(marksOf(data));
      },
      onResync: () => questions.add([EVERYTHING]),
    });
    return () => {
      abort.abort();
      questions.stop();
      clearTimeout(drawing);
    };
  }, [orgId, queryClient]);
}
