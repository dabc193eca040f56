/** One event of a `text/event-stream`. */
export type SseEvent = { event: string; data: string; id: string | null };

/**
 * Reads a stream of server-sent events piece by piece, as the HTML standard describes it. Feed it text as it
 * arrives; it answers with the events that are complete.
 */
export function createSseParser(): (text: string) => SseEvent[] {
  let buffer = "";
  let event = "";
  let data: string[] = [];
  let id: string | null = null;

  function take(line: string, events: SseEvent[]): void {
    if (line === "") {
      if (data.length > 0) events.push({ event: event || "message", data: data.join("\n"), id });
      event = "";
      data = [];
      return;
    }
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id" && !value.includes("\0")) id = value;
  }

  return (text) => {
    const events: SseEvent[] = [];
    buffer += text;
    // A carriage return at the very end may be the first half of a line's end.
    const held = buffer.endsWith("\r") ? "\r" : "";
    const lines = buffer.slice(0, buffer.length - held.length).split(/\r\n|\r|\n/);
    buffer = (lines.pop() ?? "") + held;
    for (const line of lines) take(line, events);
    return events;
  };
}
