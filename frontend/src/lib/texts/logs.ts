import { count, plural } from "@/lib/format";

export const texts = {
  search: "Search the log",
  previous: "Previous match",
  next: "Next match",
  noMatch: "No match",
  matches: (current: number, all: number) => `${count(current)} / ${count(all)}`,
  wrap: "Wrap long lines",
  follow: "Follow the end",
  /** What the file will hold. */
  download: (lines: number, isWhole: boolean) =>
    isWhole ? `Download (${plural(lines, "line")})` : `Download the last ${plural(lines, "line")}`,
  earlier: (tail: number) => `Earlier lines exist. The log was opened at its last ${count(tail)}.`,
  empty: "The log is empty so far.",
  notBegun: "The log begins when the container starts.",
  /** Where nothing more comes. */
  emptyToEnd: "The container wrote nothing.",
  noContainer: "There is no container, and so no log. A log goes with its container.",
  lines: (value: number) => plural(value, "line"),
  newLines: (value: number) => `${plural(value, "new line")} below`,
  toTheEnd: "Go to the end",
  /** At the end of a line that is not shown whole. */
  cutLine: (characters: number) => ` … ${count(characters)} more characters`,
  /** In place of lines that did not come; the server counts what it can. */
  leftOut: (atLeast: number) =>
    atLeast > 1 ? `At least ${count(atLeast)} lines were left out here.` : "Lines were left out here.",
  givenUp: (rows: number) => `The first ${count(rows)} lines are no longer kept here.`,
  state: {
    connecting: "Connecting",
    live: "Live",
    reconnecting: "Reconnecting",
    waiting: "Waiting for the container",
    ended: "Ended",
  },
  why: {
    node_unavailable: {
      title: "The node does not answer",
      fix: "The log goes on here as soon as it does. Check that its Docker engine runs and that the workers reach it; the node's own page says what is wrong.",
      link: "Open the node",
    },
    no_worker: {
      title: "No worker follows this log",
      fix: "Check that a worker runs, and for a node of type local that one runs on that host. It is tried again by itself.",
    },
    busy: {
      title: "The worker follows as many logs as it can",
      fix: "Close logs that nobody reads, or start another worker. It is tried again by itself.",
    },
    forbidden: { title: "You may no longer read this log", fix: "Ask an admin for the permission to view logs." },
    gone: {
      title: "This log is no longer there",
      fix: "The instance was removed. What was read stays until you leave.",
    },
  },
};
