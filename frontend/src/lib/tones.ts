/** The colours that carry meaning; components turn them into classes. */
export type BadgeTone = "neutral" | "outline" | "primary" | "ok" | "active" | "warn" | "calm" | "off" | "bad";
