import * as React from "react";
import { createCutDetector, createLogRows, type LogSnapshot, NO_LOG } from "@/lib/log-rows";
import { followLog, type LogState } from "@/lib/log-stream";

type Followed = {
  log: LogSnapshot;
  state: LogState;
  /** Lines from before those that were asked for exist. */
  isCut: boolean;
};

type Wanted = {
  /** The stream's path. */
  path: string;
  /** How many earlier lines are asked for. */
  tail: number;
  /** Which container's log it is; another one begins anew. */
  container: string | null;
  /** Whether the container may yet begin, or begin again. */
  mayGoOn: boolean;
};

/** What was read of one container's log; a connection that is made again goes on where the last one ended. */
function createReading(tail: number) {
  const rows = createLogRows();
  const isCut = createCutDetector(tail);
  const listeners = new Set<() => void>();
  let lastEventId: string | null = null;
  let followed: Followed = { log: NO_LOG, state: { kind: "connecting" }, isCut: false };

  function tell(next: Partial<Followed>): void {
    followed = { ...followed, ...next };
    for (const listener of listeners) listener();
  }

  return {
    get: () => followed,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    start(path: string, mayGoOn: boolean, signal: AbortSignal): void {
      void followLog({
        path,
        lastEventId,
        mayGoOn,
        signal,
        onState: (state) => tell({ state }),
        onEvent({ lines, skipped, id }) {
          if (id) lastEventId = id;
          if (lines.length === 0 && skipped === 0) return;
          rows.append(lines, skipped);
          tell({ log: rows.get(), isCut: isCut(lines.length, Date.now()) });
        },
      });
    },
  };
}

/** Follows an instance's log for as long as the component is there. */
export function useFollowedLog({ path, tail, container, mayGoOn }: Wanted): Followed {
  const which = `${path} ${container}`;
  const [reading, setReading] = React.useState(() => ({ which, of: createReading(tail) }));
  // Another container: nothing of the old log may be seen as the new one's.
  if (reading.which !== which) setReading({ which, of: createReading(tail) });
  const { of } = reading;
  React.useEffect(() => {
    const abort = new AbortController();
    of.start(`${path}?tail=${tail}`, mayGoOn, abort.signal);
    return () => abort.abort();
  }, [of, path, tail, mayGoOn]);
  return React.useSyncExternalStore(of.subscribe, of.get);
}
