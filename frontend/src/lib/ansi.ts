import Anser from "anser";

/** A stretch of log text with one look. Always rendered as text, never as HTML. */
export type LogSpan = {
  text: string;
  color: AnsiColor | null;
  background: AnsiColor | null;
  bold: boolean;
  dim: boolean;
  underline: boolean;
};
export type AnsiColor = "black" | "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "white";

const COLORS: readonly AnsiColor[] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// Titles, hyperlinks and other commands to a terminal (OSC, DCS, APC, PM, SOS), ended by BEL or ST.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
const COMMANDS = /\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)/g;
// Every CSI sequence but SGR (`m`): cursor movement, erasing.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
const MOVEMENTS = /\u001b\[[0-?]*[ -/]*[@-ln-~]/g;
// Lone escapes and control characters but tab and the escape that starts an SGR sequence.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
const CONTROLS = /\u001b(?!\[)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g;
// Characters that turn the direction of text around and could make a line read as another one.
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
const SGR = /\u001b\[[0-9;:]*m/g;

// Most lines are nothing but text, and are searched by the hundred thousand.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const ANYTHING_ELSE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** What a terminal shows in the end of a line that goes back to its start, as progress bars do. */
function afterReturns(line: string): string {
  const end = line.replace(/\r+$/, "");
  return end.slice(end.lastIndexOf("\r") + 1);
}

function withoutCommands(whole: string): string {
  if (!ANYTHING_ELSE.test(whole)) return whole;
  const line = afterReturns(whole);
  return line.replace(COMMANDS, "").replace(MOVEMENTS, "").replace(CONTROLS, "").replace(BIDI, "");
}

/** A log line without any escape sequence, to search in and to download. */
export function plainText(line: string): string {
  return withoutCommands(line).replace(SGR, "");
}

function colorOf(name: string | null): AnsiColor | null {
  const plain = name?.replace(/^ansi-(bright-)?/, "");
  return COLORS.find((color) => color === plain) ?? null;
}

/** A log line as spans: colours and weights are kept, everything else a terminal would obey is dropped. */
export function parseAnsi(line: string): LogSpan[] {
  return Anser.ansiToJson(withoutCommands(line), { use_classes: true, remove_empty: true }).map((part) => ({
    text: part.content,
    color: colorOf(part.fg),
    background: colorOf(part.bg),
    bold: part.decorations.includes("bold"),
    dim: part.decorations.includes("dim"),
    underline: part.decorations.includes("underline"),
  }));
}
