/** One measured value at a time in ms. */
export type SparkPoint = { at: number; value: number };

/**
 * The path of a small line chart in a box of `width` × `height`, and the area below it. Values are percent:
 * 0 is the bottom and 100 the top, so that two rows can be compared. Where more than `gapMs` lies between two
 * points, the line breaks.
 */
export function sparkPaths(
  points: readonly SparkPoint[],
  box: { width: number; height: number; from: number; to: number; gapMs: number },
): { line: string; area: string } {
  const x = (at: number) => round(((at - box.from) / Math.max(1, box.to - box.from)) * box.width);
  const y = (value: number) => round(box.height - (Math.min(100, Math.max(0, value)) / 100) * box.height);
  const stretches: SparkPoint[][] = [];
  for (const point of points) {
    const current = stretches[stretches.length - 1];
    const before = current?.[current.length - 1];
    if (current && before && point.at - before.at <= box.gapMs) current.push(point);
    else stretches.push([point]);
  }
  const lines = stretches.map((stretch) =>
    // A lone point would be invisible; it becomes a dash.
    stretch.length === 1 && stretch[0]
      ? `M${x(stretch[0].at)} ${y(stretch[0].value)}h1`
      : stretch.map((point, index) => `${index === 0 ? "M" : "L"}${x(point.at)} ${y(point.value)}`).join(""),
  );
  const areas = stretches
    .filter((stretch) => stretch.length > 1)
    .map((stretch) => {
      const [first, last] = [stretch[0] as SparkPoint, stretch[stretch.length - 1] as SparkPoint];
      const top = stretch.map((point) => `L${x(point.at)} ${y(point.value)}`).join("");
      return `M${x(first.at)} ${box.height}${top}L${x(last.at)} ${box.height}Z`;
    });
  return { line: lines.join(""), area: areas.join("") };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
