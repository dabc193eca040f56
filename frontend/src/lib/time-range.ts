import { z } from "zod";

/** The ranges a chart offers, by the word in the URL. */
export const RANGES = {
  "15m": 15 * 60_000,
  "1h": 3_600_000,
  "6h": 6 * 3_600_000,
  "24h": 24 * 3_600_000,
  "7d": 7 * 86_400_000,
  "30d": 30 * 86_400_000,
} as const;

export type RangeName = keyof typeof RANGES;

export const RANGE_NAMES = Object.keys(RANGES) as RangeName[];

/** A chart is drawn from so many points at most. */
export const CHART_POINTS = 240;

const rangeSchema = z.enum(["15m", "1h", "6h", "24h", "7d", "30d"]).catch("1h");

export function readRange(params: URLSearchParams): RangeName {
  return rangeSchema.parse(params.get("range"));
}

/**
 * From and to of a range that ends now. The end is rounded up to steps, so that the same question is asked
 * for a while and its answer can be kept.
 */
export function rangeOf(name: RangeName, now: number): { from: number; to: number } {
  const length = RANGES[name];
  const step = stepOf(name);
  const to = Math.ceil(now / step) * step;
  return { from: to - length, to };
}

function stepOf(name: RangeName): number {
  return Math.max(15_000, RANGES[name] / CHART_POINTS);
}

/** How often a chart is asked for anew: a month is not another one after a few seconds. */
export function refreshOf(name: RangeName): number {
  return Math.min(300_000, Math.max(15_000, stepOf(name) / 6));
}

const TICK_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200].map(
  (minutes) => minutes * 60_000,
);

/** Round moments for a chart's time axis, about `most` of them; days begin in the reader's own zone. */
export function timeTicks(
  from: number,
  to: number,
  most: number,
  offsetMs = new Date(to).getTimezoneOffset() * 60_000,
): number[] {
  const step = TICK_STEPS_MS.find((each) => (to - from) / each <= most) ?? to - from;
  const first = Math.ceil((from - offsetMs) / step) * step + offsetMs;
  const ticks: number[] = [];
  for (let at = first; at <= to; at += step) ticks.push(at);
  return ticks;
}
