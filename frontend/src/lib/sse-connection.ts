import { authFetch } from "@/lib/auth-session";
import { NO_ANSWER, toProblem } from "@/lib/problem";
import { createSseParser, type SseEvent } from "@/lib/sse";

/**
 * One connection to one of the api's event streams. It is read through `fetch`, not `EventSource`, so that
 * the access token travels in a header and never in an address.
 */

/** A connection that says nothing for this long is dead: the server sends a comment more often. */
const SILENCE_MS = 40_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

export type Connection = {
  path: string;
  /** The id of the last event that was received, to go on after it. */
  lastEventId: string | null;
  signal: AbortSignal;
  onOpen?: () => void;
  /** Something came, if only a sign of life. */
  onHeard?: () => void;
  onEvent: (event: SseEvent) => void;
};

/** How a connection ended: broken off or never made, closed by the server, or answered with something else. */
export type ConnectionEnd = "failed" | "closed" | { status: number; code?: string };

/** Reads a stream until it ends, however that comes about. */
export async function readEvents(connection: Connection): Promise<ConnectionEnd> {
  const { path, lastEventId, signal, onOpen, onHeard, onEvent } = connection;
  const abort = new AbortController();
  const stop = () => abort.abort();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  let silence = setTimeout(stop, SILENCE_MS);
  try {
    const response = await authFetch(new URL(path, window.location.origin), {
      headers: { Accept: "text/event-stream", ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) },
      cache: "no-store",
      signal: abort.signal,
    });
    const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream") ?? false;
    if (!response.ok || !isStream || !response.body) {
      const refusal: unknown = response.ok ? null : await response.json().catch(() => null);
      await response.body?.cancel().catch(() => undefined);
      return { status: response.status, ...(refusal ? { code: toProblem(refusal).code } : {}) };
    }
    onOpen?.();
    const parse = createSseParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "closed";
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      onHeard?.();
      for (const event of parse(decoder.decode(value, { stream: true }))) onEvent(event);
    }
  } catch (error) {
    const { status } = toProblem(error);
    return status === NO_ANSWER ? "failed" : { status };
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
  }
}

/** Grows with each failure; spread at random, so that a restarted server is not met by everyone at once. */
export function retryDelay(failures: number, random: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/** Waits; not any longer when the signal says stop or the network comes back. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    window.addEventListener("online", done);
  });
}
