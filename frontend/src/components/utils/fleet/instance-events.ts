import type { TimelineEntry } from "@/components/utils/Timeline";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What an event carries besides its sentence, as text: log lines as they are, other facts one per line. */
export function eventDetail(detail: unknown): string | null {
  if (!isRecord(detail)) return null;
  const lines = Object.entries(detail).flatMap(([name, value]) => {
    // The state stands in the sentence already.
    if (name === "state" || value === null || value === undefined || value === "") return [];
    if (Array.isArray(value)) return value.map(String);
    return [`${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`];
  });
  return lines.length > 0 ? lines.join("\n") : null;
}

/** Failures stand out, and so does the moment a runner came online. */
export function eventTone(kind: string, detail: unknown): NonNullable<TimelineEntry["tone"]> {
  const state = isRecord(detail) ? detail.state : undefined;
  if (state === "failed") return "bad";
  if (kind === "warning") return "warn";
  return state === "running" ? "good" : "normal";
}
