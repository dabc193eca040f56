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

/** Puts `null` values where more than `gapMs` passed without a point, so that the line breaks there. */
export function breakAtGaps<Name extends string>(
  points: readonly Point<Name>[],
  names: readonly Name[],
  gapMs: number,
): ({ at: number } & Record<Name, number | null>)[] {
  const hole = Object.fromEntries(names.map((name) => [name, null])) as Record<Name, null>;
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    return before && point.at - before.at > gapMs ? [{ at: before.at + 1, ...hole }, point] : [point];
  });
}
