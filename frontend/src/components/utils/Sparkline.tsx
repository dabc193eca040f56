type SparklineProps = { values: readonly number[]; max?: number; label: string; width?: number; height?: number };

/** The course of a value, without axes: the exact figures are read elsewhere. */
export function Sparkline({ values, max = 100, label, width = 72, height = 20 }: SparklineProps) {
  if (values.length < 2) return <span className="inline-block text-muted-foreground">–</span>;
  const inner = height - 3;
  const points = values.map((value, index) => {
    const x = (index / (values.length - 1)) * (width - 2) + 1;
    const y = 1.5 + inner - (Math.min(max, Math.max(0, value)) / max) * inner;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg
      role="img"
      aria-label={label}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      className="text-chart-1"
    >
      <polygon points={`1,${height} ${points.join(" ")} ${width - 1},${height}`} fill="currentColor" opacity="0.14" />
      <polyline points={points.join(" ")} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
