// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectionStore } from "./connection";
import { followEvents } from "./event-stream";
import { retryDelay } from "./sse-connection";

const asked: { lastEventId: string | null }[] = [];

/** No answer at all. */
const SILENCE = null;
/** Connections that were neither closed nor let go of. */
let open = 0;
/** Says more on the connection that stays open. */
let say: (text: string) => void = () => undefined;

/** Answers each connection with the next of these bodies; the last one stays open. */
function serve(...bodies: (string | number | { status: number; code: string } | typeof SILENCE)[]): void {
  vi.stubGlobal("fetch", async (input: Request) => {
    asked.push({ lastEventId: input.headers.get("Last-Event-ID") });
    const body = bodies[Math.min(asked.length, bodies.length) - 1];
    if (body === SILENCE) throw new TypeError("Failed to fetch");
    if (typeof body === "number") return new Response(null, { status: body });
    if (typeof body === "object") return Response.json(body, { status: body.status });
    const isLast = asked.length >= bodies.length;
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(body));
        say = (text) => controller.enqueue(new TextEncoder().encode(text));
        if (!isLast) return controller.close();
        open += 1;
        input.signal.addEventListener("abort", () => {
          open -= 1;
          controller.error(new Error("aborted"));
        });
      },
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
  });
}

const changes: string[] = [];
let resyncs = 0;
let abort = new AbortController();

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  changes.length = 0;
  resyncs = 0;
  open = 0;
  abort = new AbortController();
});
afterEach(() => {
  abort.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function follow(): void {
  void followEvents({
    orgId: "o1",
    signal: abort.signal,
    onChange: (data) => changes.push(data),
    onResync: () => {
      resyncs += 1;
    },
  });
}

describe("the stream of changes", () => {
  it("goes on after the last event when the connection breaks", async () => {
    serve("id: 7-0\nevent: change\ndata: one\n\n", "id: 8-0\nevent: change\ndata: two\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(changes).toEqual(["one", "two"]);
    expect(asked).toEqual([{ lastEventId: null }, { lastEventId: "7-0" }]);
    expect(connectionStore.get().mode).toBe("live");
  });

  it("reads everything again when the server says that something was missed", async () => {
    serve("id: 9-0\nevent: resync\ndata: {}\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(100);
    expect(resyncs).toBe(1);
    expect(changes).toEqual([]);
  });

  it("falls back to asking where there is no stream, and says so", async () => {
    serve(404, 404);
    follow();
    await vi.advanceTimersByTimeAsync(100);
    expect(connectionStore.get().mode).toBe("polling");
  });

  it("takes a connection that says nothing for dead", async () => {
    serve("id: 1-0\nevent: ready\ndata: {}\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(39_000);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked.length).toBeGreaterThan(1);
  });

  it("says that the server is away when nothing answers", async () => {
    serve(SILENCE);
    follow();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(connectionStore.get().mode).toBe("offline");
  });

  it.each([503, 502, 429])("does not take an answer of %i for silence", async (status) => {
    serve(status);
    follow();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBeGreaterThan(3);
    expect(connectionStore.get().mode).toBe("reconnecting");
  });

  it("knows why the server opens none while what it tells from is away, and goes on when it is back", async () => {
    const away = { status: 503, code: "unavailable" };
    serve(away, away, "id: 7-0\nevent: ready\ndata: {}\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(100);
    expect(connectionStore.get().mode).toBe("stalled");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connectionStore.get().mode).toBe("live");
  });

  it.each(["id: 9-0\nevent: resync\ndata: {}\n\n", "id: 9-0\nevent: change\ndata: one\n\n"])(
    "is not live while the server has nothing to tell from, and is again after %j",
    async (news) => {
      serve("id: 7-0\nevent: ready\ndata: {}\n\n");
      follow();
      await vi.advanceTimersByTimeAsync(100);
      expect(connectionStore.get().mode).toBe("live");
      say("id: 7-0\nevent: stalled\ndata: {}\n\n");
      await vi.advanceTimersByTimeAsync(100);
      expect(connectionStore.get().mode).toBe("stalled");
      say(": alive\n\n");
      await vi.advanceTimersByTimeAsync(100);
      expect(connectionStore.get().mode).toBe("stalled");
      say(news);
      await vi.advanceTimersByTimeAsync(100);
      expect(connectionStore.get().mode).toBe("live");
      expect(asked).toHaveLength(1);
    },
  );

  it("lets go of the connection while nobody sees the tab, and goes on after the last event then", async () => {
    const seen = vi.spyOn(document, "visibilityState", "get").mockReturnValue("visible");
    const look = (state: DocumentVisibilityState) => {
      seen.mockReturnValue(state);
      document.dispatchEvent(new Event("visibilitychange"));
    };
    serve("id: 7-0\nevent: change\ndata: one\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(100);
    expect(open).toBe(1);
    look("hidden");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(open).toBe(0);
    expect(asked).toHaveLength(1);
    expect(connectionStore.get().mode).toBe("catching-up");
    look("visible");
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.map((each) => each.lastEventId)).toEqual([null, "7-0"]);
    expect(connectionStore.get().mode).toBe("live");
    expect(resyncs).toBe(0);
  });

  it("is not opened in a tab that nobody has seen yet", async () => {
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    serve("id: 7-0\nevent: ready\ndata: {}\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
    expect(connectionStore.get().mode).toBe("connecting");
  });

  it("is connecting when it begins and after it was left", async () => {
    serve("id: 7-0\nevent: ready\ndata: {}\n\n");
    follow();
    await vi.advanceTimersByTimeAsync(100);
    expect(connectionStore.get().mode).toBe("live");
    abort.abort();
    expect(connectionStore.get().mode).toBe("connecting");
  });
});

describe("the pause before the next attempt", () => {
  it("grows, is spread, and never exceeds 15 s", () => {
    expect(retryDelay(1, 0)).toBe(500);
    expect(retryDelay(1, 1)).toBe(1_000);
    expect(retryDelay(3, 1)).toBe(4_000);
    expect(retryDelay(40, 1)).toBe(15_000);
  });
});
