/** One moment of a chart: a time in ms and named values. */
export type Point<Name extends string> = { at: number } & Record<Name, number>;

/**
 * At most `limit` points for a chart. Equal stretches of time are each drawn as their mean, and an empty
 * stretch stays empty: a line across it would show measurements that nobody made.
 */
export function downsample<Name extends string>(
  points: readonly Point<Name>[],
  names: readonly Name[],
  limit: number,
): Point<Name>[] {
  const first = points[0];
  const last = points[points.length - 1];
  if (!first || !last || points.length <= limit) return [...points];
  const width = Math.max(1, (last.at - first.at + 1) / limit);
  const buckets = new Map<number, Point<Name>[]>();
  for (const point of points) {
    const index = Math.min(limit - 1, Math.floor((point.at - first.at) / width));
    const bucket = buckets.get(index);
    if (bucket) bucket.push(point);
    else buckets.set(index, [point]);
  }
  return [...buckets.values()].map((bucket) => meanOf(bucket, names));
}

function meanOf<Name extends string>(bucket: Point<Name>[], names: readonly Name[]): Point<Name> {
  const mean = (pick: (point: Point<Name>) => number) =>
    bucket.reduce((sum, point) => sum + pick(point), 0) / bucket.length;
  const values = names.map((name) => [name, Math.round(mean((point) => point[name]) * 10) / 10]);
  return { at: Math.round(mean((point) => point.at)), ...Object.fromEntries(values) } as Point<Name>;
}

/** What a chart draws: holes have no values, and a point between two of them would be seen in no line. */
export type Drawn<Name extends string> = { at: number; isLone: boolean } & Record<Name, number | null>;

/** Puts `null` values where more than `gapMs` passed without a point, so that the line breaks there. */
export function breakAtGaps<Name extends string>(
  points: readonly Point<Name>[],
  names: readonly Name[],
  gapMs: number,
): Drawn<Name>[] {
  const hole = Object.fromEntries(names.map((name) => [name, null])) as Record<Name, null>;
  const isApart = (one: Point<Name> | undefined, other: Point<Name> | undefined) =>
    !one || !other || other.at - one.at > gapMs;
  return points.flatMap((point, index): Drawn<Name>[] => {
    const [before, after] = [points[index - 1], points[index + 1]];
    const drawn = { ...point, isLone: isApart(before, point) && isApart(point, after) };
    return before && isApart(before, point) ? [{ at: before.at + 1, isLone: false, ...hole }, drawn] : [drawn];
  });
}

/** How many samples in a row must be missing for a gap. */
const MISSED = 3;

/**
 * How far apart two points may be and still belong to one line: three missed samples are a gap, and so is an empty
 * stretch where stretches are longer than that. Where nobody says how often samples are taken, they tell themselves.
 */
export function gapOf(
  points: readonly { at: number }[],
  measured: { intervalMs: number | undefined; stretchMs: number },
): number {
  const interval = measured.intervalMs ?? usualDistance(points);
  return Math.max(MISSED * interval, 2 * measured.stretchMs);
}

function usualDistance(points: readonly { at: number }[]): number {
  const distances = points.slice(1).map((point, index) => point.at - (points[index]?.at ?? point.at));
  return distances.sort((one, other) => one - other)[Math.floor(distances.length / 2)] ?? 0;
}
