import { plural } from "@/lib/format";

/** What charts and timelines say. */
export const texts = {
  title: "CPU, memory and disk",
  range: "Range",
  ranges: { "15m": "15 min", "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days" },
  lines: { peak: "CPU, peak", cpu: "CPU", memory: "Memory", disk: "Disk" },
  instances: (count: number) => plural(count, "instance"),
  /** By whose instances are measured; of a single one nothing needs to be said. */
  meanOf: {
    instance: null,
    runner: "The mean of all its instances, those that were removed since too; the peak is that of the busiest.",
    node: "The mean of all instances on it, those that were removed since too; the peak is that of the busiest.",
  },
  none: {
    title: "Nothing was measured in this time",
    description: (intervalSecs: number | undefined) =>
      intervalSecs === undefined
        ? "Figures are taken while a container runs."
        : `Figures are taken every ${intervalSecs} s while a container runs.`,
  },
  noEvents: { title: "Nothing has happened yet" },
  noSharedEvents: { title: "Nothing has happened in the last 30 days" },
  earlier: "Show earlier",
  shown: (shown: number, total: number) => `The latest ${shown} of ${total} entries`,
  removed: "removed since",
};
