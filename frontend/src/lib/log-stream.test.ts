// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { followLog, type LogState } from "./log-stream";

type Answer = number | { events: object[]; stays?: boolean };

const asked: (string | null)[] = [];
const lines: string[] = [];
const states: LogState[] = [];
let abort = new AbortController();

/** Answers each connection with the next of these. */
function serve(...answers: Answer[]): void {
  vi.stubGlobal("fetch", async (input: Request) => {
    asked.push(input.headers.get("Last-Event-ID"));
    const answer = answers[Math.min(asked.length, answers.length) - 1] ?? 500;
    if (typeof answer === "number") return new Response(null, { status: answer });
    const { events, stays } = answer;
    const text = events.map((event) => `event: lines\ndata: ${JSON.stringify(event)}\n\n`).join("");
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        if (!stays) controller.close();
        else input.signal.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
  });
}

const said = (words: string[], id?: string) => ({ event: "lines", lines: words, skipped: 0, id });
const end = (reason: string) => ({ event: "end", lines: [], skipped: 0, reason });

function follow(mayGoOn = true): void {
  void followLog({
    path: "/log?tail=5",
    lastEventId: null,
    mayGoOn,
    signal: abort.signal,
    onEvent: (event) => lines.push(...event.lines),
    onState: (state) => states.push(state),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  lines.length = 0;
  states.length = 0;
  abort = new AbortController();
});
afterEach(() => {
  abort.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a followed log", () => {
  it("is read by nobody while nobody sees the tab", async () => {
    const seen = vi.spyOn(document, "visibilityState", "get").mockReturnValue("visible");
    serve({ events: [said(["one"], "t1")], stays: true }, { events: [said(["two"], "t2")], stays: true });
    follow();
    await vi.advanceTimersByTimeAsync(100);
    seen.mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toHaveLength(1);
    expect(states.at(-1)).toEqual({ kind: "connecting" });
    seen.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual([null, "t1"]);
    expect(lines).toEqual(["one", "two"]);
    expect(states.at(-1)).toEqual({ kind: "live" });
  });

  it("goes on after the last line when the worker or the connection breaks off", async () => {
    serve({ events: [said(["one"], "t1"), end("worker_stopped")] }, { events: [said(["two"], "t2")] }, 503, {
      events: [said(["three"])],
      stays: true,
    });
    follow();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual(["one", "two", "three"]);
    expect(asked).toEqual([null, "t1", "t2", "t2"]);
    expect(states[0]).toEqual({ kind: "connecting" });
    expect(states).toContainEqual({ kind: "reconnecting", why: "worker_stopped" });
    expect(states).toContainEqual({ kind: "reconnecting", why: "connection" });
    expect(states.at(-1)).toEqual({ kind: "live" });
  });

  it("is connecting until a worker has begun", async () => {
    serve({ events: [], stays: true });
    follow();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(states).toEqual([{ kind: "connecting" }]);
  });

  it("ends with the container, unless that may begin yet", async () => {
    serve({ events: [end("ended")] });
    follow(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)).toEqual({ kind: "ended", why: "container" });
    expect(asked.length).toBe(1);
    follow(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)).toEqual({ kind: "reconnecting", why: "ended" });
    expect(asked.length).toBeGreaterThan(3);
  });

  it("says what stands in the way and asks less and less often", async () => {
    serve({ events: [end("node_unavailable")] });
    follow();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(states.at(-1)).toEqual({ kind: "reconnecting", why: "node_unavailable" });
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(25);
  });

  it.each([
    [404, "gone"],
    [403, "forbidden"],
  ])("is over when the server answers %i", async (status, why) => {
    serve(status);
    follow();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)).toEqual({ kind: "ended", why });
    expect(asked.length).toBe(1);
  });

  it("leaves out what is no event, and stops when nobody looks", async () => {
    serve({ events: [{ rubbish: true }, said(["one"])], stays: true });
    follow();
    await vi.advanceTimersByTimeAsync(100);
    expect(lines).toEqual(["one"]);
    abort.abort();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBe(1);
    expect(states.at(-1)).toEqual({ kind: "live" });
  });
});
