import { type ConnectionMode, serverAnswered, streamIs } from "@/lib/connection";
import { type ConnectionEnd, pause, readEvents, retryDelay } from "@/lib/sse-connection";

/** The one stream of changes of an organisation: `GET /org/{org_id}/stream`. */

/** How often a server without a stream is asked again whether it has one now. */
const NO_STREAM_RETRY_MS = 60_000;
/** After this many failures in a row the server counts as gone. */
const FAILURES_UNTIL_OFFLINE = 3;

export type StreamOptions = {
  orgId: string;
  /** Something changed; `data` says what. */
  onChange: (data: string) => void;
  /** Events may have been missed: everything that is shown must be asked for again. */
  onResync: () => void;
  signal: AbortSignal;
};

type Outcome = "broken" | "no-stream" | "refused";

/** Keeps the stream open until the signal says stop. */
export async function followEvents({ orgId, onChange, onResync, signal }: StreamOptions): Promise<void> {
  let lastEventId: string | null = null;
  let failures = 0;
  let opened = 0;
  while (!signal.aborted) {
    const end = await readEvents({
      path: `/org/${orgId}/stream`,
      lastEventId,
      signal,
      onOpen() {
        failures = 0;
        opened += 1;
        // Without an id to replay from, whatever happened while we were away is unknown.
        if (opened > 1 && lastEventId === null) onResync();
        streamIs("live");
      },
      onHeard: () => serverAnswered(Date.now()),
      onEvent({ event, data, id }) {
        if (id) lastEventId = id;
        if (event === "resync") onResync();
        else if (event === "change") onChange(data);
      },
    });
    const outcome = outcomeOf(end);
    if (signal.aborted || outcome === "refused") return;
    failures += 1;
    streamIs(modeAfter(outcome, failures));
    await pause(outcome === "no-stream" ? NO_STREAM_RETRY_MS : retryDelay(failures, Math.random()), signal);
  }
}

function outcomeOf(end: ConnectionEnd): Outcome {
  if (end === "failed" || end === "closed") return "broken";
  if (end.status === 401 || end.status === 403) return "refused";
  return end.status >= 500 || end.status === 429 ? "broken" : "no-stream";
}

function modeAfter(outcome: Outcome, failures: number): ConnectionMode {
  if (outcome === "no-stream") return "polling";
  return failures >= FAILURES_UNTIL_OFFLINE ? "offline" : "reconnecting";
}
