import { authFetch } from "@/lib/auth-session";
import { type ConnectionMode, serverAnswered, streamIs } from "@/lib/connection";
import { createSseParser } from "@/lib/sse";

/**
 * The one stream of changes of an organisation: `GET /org/{org_id}/stream`. It is read through `fetch`, not
 * `EventSource`, so that the access token travels in a header and never in an address.
 */

/** A connection that says nothing for this long is dead: the server sends a comment more often. */
const SILENCE_MS = 40_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
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

type Outcome = "ended" | "failed" | "no-stream" | "refused";

/** Grows with each failure; spread at random, so that a restarted server is not met by everyone at once. */
export function retryDelay(failures: number, random: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/** Keeps the stream open until the signal says stop. */
export async function followEvents(options: StreamOptions): Promise<void> {
  const { signal, onResync } = options;
  let lastEventId: string | null = null;
  let failures = 0;
  let opened = 0;
  while (!signal.aborted) {
    const outcome: Outcome = await readOnce(
      options,
      lastEventId,
      (id) => {
        lastEventId = id;
      },
      () => {
        failures = 0;
        opened += 1;
        // Without an id to replay from, whatever happened while we were away is unknown.
        if (opened > 1 && lastEventId === null) onResync();
      },
    );
    if (signal.aborted || outcome === "refused") return;
    failures += 1;
    streamIs(modeAfter(outcome, failures));
    await pause(outcome === "no-stream" ? NO_STREAM_RETRY_MS : retryDelay(failures, Math.random()), signal);
  }
}

function modeAfter(outcome: Outcome, failures: number): ConnectionMode {
  if (outcome === "no-stream") return "polling";
  return failures >= FAILURES_UNTIL_OFFLINE ? "offline" : "reconnecting";
}

async function readOnce(
  { orgId, onChange, onResync, signal }: StreamOptions,
  lastEventId: string | null,
  setLastEventId: (id: string) => void,
  onOpen: () => void,
): Promise<Outcome> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  signal.addEventListener("abort", stop);
  let silence = setTimeout(stop, SILENCE_MS);
  try {
    const response = await authFetch(new URL(`/org/${orgId}/stream`, window.location.origin), {
      headers: { Accept: "text/event-stream", ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) },
      cache: "no-store",
      signal: abort.signal,
    });
    const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream") ?? false;
    if (!response.ok || !isStream || !response.body) {
      await response.body?.cancel();
      if (response.status === 401 || response.status === 403) return "refused";
      return response.status >= 500 || response.status === 429 ? "failed" : "no-stream";
    }
    onOpen();
    streamIs("live");
    const parse = createSseParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "ended";
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      serverAnswered(Date.now());
      for (const event of parse(decoder.decode(value, { stream: true }))) {
        if (event.id) setLastEventId(event.id);
        if (event.event === "resync") onResync();
        else if (event.event === "change") onChange(event.data);
      }
    }
  } catch {
    return "failed";
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    // The network came back: no reason to wait any longer.
    window.addEventListener("online", done);
  });
}
