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
  const step = Math.max(15_000, length / 240);
  const to = Math.ceil(now / step) * step;
  return { from: to - length, to };
}
