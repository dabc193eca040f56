import { type ConnectionMode, serverAnswered, streamIs } from "@/lib/connection";
import { untilSeen, whileSeen } from "@/lib/sight";
import { type ConnectionEnd, pause, readEvents, retryDelay } from "@/lib/sse-connection";

/** The one stream of changes of an organisation: `GET /org/{org_id}/stream`. */

/** How often a server without a stream is asked again whether it has one now. */
const NO_STREAM_RETRY_MS = 60_000;
/** After this many connections in a row without an answer the server counts as gone. */
const FAILURES_UNTIL_OFFLINE = 3;
/** The api's own word for a stream that can't be opened, as what changes are told from is away. */
const NOTHING_TO_TELL_FROM = "unavailable";

export type StreamOptions = {
  orgId: string;
  /** Something changed; `data` says what. */
  onChange: (data: string) => void;
  /** Events may have been missed: everything that is shown must be asked for again. */
  onResync: () => void;
  signal: AbortSignal;
};

type Outcome = "broken" | "declined" | "stalled" | "no-stream" | "refused";

/** Keeps the stream open while the tab is seen, until the signal says stop. */
export async function followEvents({ orgId, onChange, onResync, signal }: StreamOptions): Promise<void> {
  let lastEventId: string | null = null;
  let failures = 0;
  let opened = 0;
  // What was true of another organisation's stream says nothing of this one.
  streamIs("connecting");
  signal.addEventListener("abort", () => streamIs("connecting"), { once: true });
  while (!signal.aborted) {
    await untilSeen(signal);
    if (signal.aborted) return;
    const sight = whileSeen(signal);
    const end = await readEvents({
      path: `/org/${orgId}/stream`,
      lastEventId,
      signal: sight.signal,
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
        if (event === "stalled") streamIs("stalled");
        else if (event === "resync" || event === "change") {
          // Whatever is told ends a stall.
          streamIs("live");
          if (event === "resync") onResync();
          else onChange(data);
        }
      },
    });
    sight.end();
    if (signal.aborted) return;
    if (sight.wasLost()) {
      // It goes on after its last event, and says until then that it has to.
      streamIs("catching-up");
      failures = 0;
      continue;
    }
    if (typeof end !== "string") serverAnswered(Date.now());
    const outcome = outcomeOf(end);
    failures += 1;
    streamIs(modeAfter(outcome, failures));
    if (outcome === "refused") return;
    await pause(outcome === "no-stream" ? NO_STREAM_RETRY_MS : retryDelay(failures, Math.random()), signal);
  }
}

function outcomeOf(end: ConnectionEnd): Outcome {
  if (end === "failed" || end === "closed") return "broken";
  if (end.status === 401 || end.status === 403) return "refused";
  if (end.code === NOTHING_TO_TELL_FROM) return "stalled";
  return end.status >= 500 || end.status === 429 ? "declined" : "no-stream";
}

function modeAfter(outcome: Outcome, failures: number): ConnectionMode {
  if (outcome === "no-stream" || outcome === "refused") return "polling";
  if (outcome === "stalled") return "stalled";
  // An answer, whatever it says, comes from a server that is there.
  if (outcome === "declined") return "reconnecting";
  return failures >= FAILURES_UNTIL_OFFLINE ? "offline" : "reconnecting";
}
