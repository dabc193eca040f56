import type { LogEnd, LogEvent } from "@/lib/api/generated/types.gen";
import { untilSeen, whileSeen } from "@/lib/sight";
import { type ConnectionEnd, pause, readEvents, retryDelay } from "@/lib/sse-connection";

/** An instance's log while it is written: `GET …/instance/{instance_id}/logs/stream`. */

/** Why a log is not told at the moment, though it goes on. */
export type LogPause = "connection" | LogEnd;
/** Why nothing more comes. */
export type LogOver = "container" | "gone" | "forbidden";

export type LogState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting"; why: LogPause }
  | { kind: "ended"; why: LogOver };

export type LogOptions = {
  /** The stream's path, with how many earlier lines are wanted. */
  path: string;
  /** Goes on after this event. */
  lastEventId: string | null;
  /** Whether the container may yet begin, or begin again: its end is not the log's end then. */
  mayGoOn: boolean;
  signal: AbortSignal;
  onEvent: (event: LogEvent) => void;
  onState: (state: LogState) => void;
};

/** These pass by themselves at once; the rest is asked again less often. */
const QUICK: readonly LogPause[] = ["connection", "worker_stopped", "overrun"];
/** As many failures in a row would make it wait as long. */
const SLOWER = 3;

/** Follows a log while the tab is seen, until it is over or the signal says stop. */
export async function followLog({ path, mayGoOn, signal, onEvent, onState, ...from }: LogOptions): Promise<void> {
  let { lastEventId } = from;
  let failures = 0;
  onState({ kind: "connecting" });
  while (!signal.aborted) {
    await untilSeen(signal);
    if (signal.aborted) return;
    let reason: LogEnd | null = null;
    const sight = whileSeen(signal);
    const end = await readEvents({
      path,
      lastEventId,
      signal: sight.signal,
      onEvent({ data }) {
        const event = parse(data);
        if (!event) return;
        if (event.id) lastEventId = event.id;
        if (event.reason) reason = event.reason;
        else {
          failures = 0;
          onState({ kind: "live" });
        }
        onEvent(event);
      },
    });
    sight.end();
    if (signal.aborted) return;
    if (sight.wasLost()) {
      // No worker reads a log for nobody; it goes on after its last event.
      onState({ kind: "connecting" });
      failures = 0;
      continue;
    }
    const over = overOf(end, reason, mayGoOn);
    if (over) {
      onState({ kind: "ended", why: over });
      return;
    }
    const why = reason ?? "connection";
    onState({ kind: "reconnecting", why });
    await pause(retryDelay(failures + (QUICK.includes(why) ? 0 : SLOWER), Math.random()), signal);
    failures += 1;
  }
}

function overOf(end: ConnectionEnd, reason: LogEnd | null, mayGoOn: boolean): LogOver | null {
  if (reason === "ended" && !mayGoOn) return "container";
  if (typeof end === "string" || end.status === 429 || end.status >= 500) return null;
  return end.status === 401 || end.status === 403 ? "forbidden" : "gone";
}

function parse(data: string): LogEvent | null {
  try {
    const event = JSON.parse(data) as LogEvent;
    return Array.isArray(event.lines) ? event : null;
  } catch {
    return null;
  }
}
