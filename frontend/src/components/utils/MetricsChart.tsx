import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { breakAtGaps, downsample, type Point } from "@/lib/downsample";
import { exactTime, percent } from "@/lib/format";
import { timeTicks } from "@/lib/time-range";

export type MetricName = "cpu" | "memory" | "disk";
export type MetricPoint = Point<MetricName>;

const NAMES = ["cpu", "memory", "disk"] as const;
/** A line differs from the others by its dashes too. */
const LINES: Record<MetricName, { label: string; color: string; dash?: string }> = {
  cpu: { label: "CPU", color: "var(--chart-1)" },
  memory: { label: "Memory", color: "var(--chart-2)", dash: "6 3" },
  disk: { label: "Disk", color: "var(--chart-3)", dash: "2 3" },
};
const MOST_POINTS = 240;

type MetricsChartProps = { points: readonly MetricPoint[]; from: number; to: number; gapMs: number };

function tickFormat(from: number, to: number): (at: number) => string {
  const days = (to - from) / 86_400_000;
  const options: Intl.DateTimeFormatOptions =
    days > 2 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  const format = new Intl.DateTimeFormat("en-GB", options);
  return (at) => format.format(at);
}

/** CPU, memory and disk over time, in percent. */
export function MetricsChart({ points, from, to, gapMs }: MetricsChartProps) {
  const data = breakAtGaps(
    downsample(points, NAMES, MOST_POINTS),
    NAMES,
    Math.max(gapMs, (2 * (to - from)) / MOST_POINTS),
  );
  const last = points[points.length - 1];
  return (
    <figure className="grid gap-3">
      <figcaption className="flex flex-wrap gap-x-5 gap-y-1 text-xs">
        {NAMES.map((name) => (
          <span key={name} className="inline-flex items-center gap-2">
            <svg width="20" height="4" aria-hidden="true">
              <line
                x1="0"
                y1="2"
                x2="20"
                y2="2"
                stroke={LINES[name].color}
                strokeWidth="2"
                strokeDasharray={LINES[name].dash}
              />
            </svg>
            {LINES[name].label}
            <span className="text-muted-foreground">{last ? percent(last[name]) : "–"}</span>
          </span>
        ))}
      </figcaption>
      <div className="h-64 text-xs sm:h-80">
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={data} margin={{ top: 4, right: 8, bottom: 0, left: -12 }} accessibilityLayer>
            <CartesianGrid vertical={false} stroke="var(--border)" />
            <XAxis
              dataKey="at"
              type="number"
              scale="time"
              domain={[from, to]}
              tickFormatter={tickFormat(from, to)}
              tick={{ fill: "var(--muted-foreground)" }}
              stroke="var(--border)"
              tickLine={false}
              ticks={timeTicks(from, to, 7)}
              interval="preserveStartEnd"
            />
            <YAxis
              domain={[0, 100]}
              ticks={[0, 25, 50, 75, 100]}
              tickFormatter={(value: number) => `${value} %`}
              tick={{ fill: "var(--muted-foreground)" }}
              axisLine={false}
              tickLine={false}
            />
            <Tooltip
              isAnimationActive={false}
              labelFormatter={(at) => exactTime(new Date(Number(at)))}
              formatter={(value, name) => [percent(Number(value)), LINES[name as MetricName]?.label ?? String(name)]}
              contentStyle={{ background: "var(--surface-raised)", border: "1px solid var(--border)", borderRadius: 8 }}
              labelStyle={{ color: "var(--muted-foreground)" }}
              itemStyle={{ color: "var(--foreground)", padding: 0 }}
              cursor={{ stroke: "var(--input)" }}
            />
            {NAMES.map((name) => (
              <Line
                key={name}
                dataKey={name}
                type="monotone"
                stroke={LINES[name].color}
                strokeDasharray={LINES[name].dash ?? ""}
                strokeWidth={1.75}
                dot={false}
                connectNulls={false}
                isAnimationActive={false}
              />
            ))}
          </LineChart>
        </ResponsiveContainer>
      </div>
    </figure>
  );
}
