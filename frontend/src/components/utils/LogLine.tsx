import * as React from "react";
import { type AnsiColor, parseAnsi } from "@/lib/ansi";
import { texts } from "@/lib/texts/logs";
import { cn } from "@/lib/utils";

const COLORS: Record<AnsiColor, string> = {
  black: "text-muted-foreground",
  red: "text-destructive",
  green: "text-ok",
  yellow: "text-warn",
  blue: "text-active",
  magenta: "text-calm",
  cyan: "text-primary",
  white: "text-foreground",
};

const BACKGROUNDS: Record<AnsiColor, string> = {
  black: "bg-off-soft",
  red: "bg-destructive-soft",
  green: "bg-ok-soft",
  yellow: "bg-warn-soft",
  blue: "bg-active-soft",
  magenta: "bg-calm-soft",
  cyan: "bg-primary-soft",
  white: "bg-muted",
};

/** A single line longer than this is cut: no reader needs it whole, and no browser lays it out quickly. */
const LONGEST_LINE = 10_000;

type LogLineProps = { line: string; needle: string; wrap: boolean };

/** One line of a log: its colours as classes, its text as text nodes. */
export const LogLine = React.memo(function LogLine({ line, needle, wrap }: LogLineProps) {
  const cut = line.length > LONGEST_LINE;
  const spans = parseAnsi(cut ? line.slice(0, LONGEST_LINE) : line);
  return (
    <span className={cn("min-w-0 flex-1", wrap && "break-all whitespace-pre-wrap")}>
      {spans.length === 0 ? "\u00a0" : null}
      {spans.map((span, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: the spans of a line never change their order
          key={index}
          className={cn(
            span.color && COLORS[span.color],
            span.background && BACKGROUNDS[span.background],
            span.bold && "font-semibold",
            span.dim && "text-muted-foreground",
            span.underline && "underline",
          )}
        >
          <Highlighted text={span.text} needle={needle} />
        </span>
      ))}
      {cut ? <span className="text-muted-foreground">{texts.cutLine(line.length - LONGEST_LINE)}</span> : null}
    </span>
  );
});

function Highlighted({ text, needle }: { text: string; needle: string }) {
  if (!needle) return text;
  const lower = text.toLowerCase();
  const parts: React.ReactNode[] = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    parts.push(
      text.slice(from, at),
      <mark key={at} className="rounded-xs bg-primary text-primary-foreground">
        {text.slice(at, at + needle.length)}
      </mark>,
    );
    from = at + needle.length;
  }
  return parts.length === 0 ? text : [...parts, text.slice(from)];
}
