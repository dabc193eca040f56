import { plural } from "@/lib/format";

export const texts = {
  search: "Search the log",
  previous: "Previous match",
  next: "Next match",
  noMatch: "No match",
  wrap: "Wrap long lines",
  follow: "Follow the end",
  download: "Download",
  empty: "The log is empty so far.",
  lines: (count: number) => plural(count, "line"),
};
