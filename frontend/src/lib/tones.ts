/** The colours that carry meaning; components turn them into classes. */
export type BadgeTone = "neutral" | "outline" | "primary" | "ok" | "active" | "warn" | "calm" | "off" | "bad";

/** A tone as a text colour. */
export const TONE_TEXT: Readonly<Record<BadgeTone, string>> = {
  neutral: "text-foreground",
  outline: "text-muted-foreground",
  primary: "text-primary",
  ok: "text-ok",
  active: "text-active",
  warn: "text-warn",
  calm: "text-calm",
  off: "text-off",
  bad: "text-destructive",
};

/** A tone as a fill. */
export const TONE_FILL: Readonly<Record<BadgeTone, string>> = {
  neutral: "bg-foreground",
  outline: "bg-muted-foreground",
  primary: "bg-primary",
  ok: "bg-ok",
  active: "bg-active",
  warn: "bg-warn",
  calm: "bg-calm",
  off: "bg-input",
  bad: "bg-destructive",
};
