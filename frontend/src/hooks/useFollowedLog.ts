import * as React from "react";
import { createLogRows, type LogSnapshot, NO_LOG } from "@/lib/log-rows";
import { followLog, type LogState } from "@/lib/log-stream";

type Followed = { log: LogSnapshot; state: LogState };

type Wanted = {
  /** The stream's path. */
  path: string;
  /** Which container's log it is; another one begins anew. */
  container: string | null;
  /** Whether the container may yet begin, or begin again. */
  mayGoOn: boolean;
};

/** What was read of one container's log; a connection that is made again goes on where the last one ended. */
function createReading() {
  const rows = createLogRows();
  const listeners = new Set<() => void>();
  let lastEventId: string | null = null;
  let followed: Followed = { log: NO_LOG, state: { kind: "connecting" } };

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
          tell({ log: rows.get() });
        },
      });
    },
  };
}

/** Follows an instance's log for as long as the component is there. */
export function useFollowedLog({ path, container, mayGoOn }: Wanted): Followed {
  const which = `${path} ${container}`;
  const [reading, setReading] = React.useState(() => ({ which, of: createReading() }));
  // Another container: nothing of the old log may be seen as the new one's.
  if (reading.which !== which) setReading({ which, of: createReading() });
  const { of } = reading;
  React.useEffect(() => {
    const abort = new AbortController();
    of.start(path, mayGoOn, abort.signal);
    return () => abort.abort();
  }, [of, path, mayGoOn]);
  return React.useSyncExternalStore(of.subscribe, of.get);
}
