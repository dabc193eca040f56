import { count } from "@/lib/format";

export const texts = {
  cancel: "Cancel",
  close: "Close",
  ofMany: (done: number, all: number) => `${count(done)} of ${count(all)} done`,
  allDone: (all: number) => `${count(all)} of ${count(all)} done.`,
  someFailed: (failed: number, all: number) => `${count(failed)} of ${count(all)} failed.`,
  skipped: (value: number) => (value === 1 ? "1 is left out:" : `${count(value)} are left out:`),
  outcomes: "What became of each",
  affected: "What it is done to",
  done: "done",
  failed: "failed",
  waiting: "waiting",
  none: "None of the selected can be used for this.",
};
