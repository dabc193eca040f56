import type * as React from "react";
import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { breakAtGaps, downsample, type Point } from "@/lib/downsample";
import { exactTime, percent } from "@/lib/format";
import { texts } from "@/lib/texts/usage";
import { CHART_POINTS, timeTicks } from "@/lib/time-range";

export type MetricName = "peak" | "cpu" | "memory" | "disk";
/** Values in percent, and where several instances were measured, how many. */
export type MetricPoint = Point<MetricName> & { instances?: number | undefined };

/** Drawn in this order: where the peak is the mean, the mean is seen. */
const NAMES = ["peak", "cpu", "memory", "disk"] as const;
/** A line differs from the others by its dashes too. */
const LINES: Record<MetricName, { color: string; width: number; dash?: string }> = {
  peak: { color: "var(--chart-1)", width: 1, dash: "1 2" },
  cpu: { color: "var(--chart-1)", width: 1.75 },
  memory: { color: "var(--chart-2)", width: 1.75, dash: "6 3" },
  disk: { color: "var(--chart-3)", width: 1.75, dash: "2 3" },
};

type MetricsChartProps = { points: readonly MetricPoint[]; from: number; to: number; gapMs: number };

function tickFormat(from: number, to: number): (at: number) => string {
  const days = (to - from) / 86_400_000;
  const options: Intl.DateTimeFormatOptions =
    days > 2 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  const format = new Intl.DateTimeFormat("en-GB", options);
  return (at) => format.format(at);
}

/** A mark for a point that no line leads to. */
function lonePoint({ key, cx, cy, stroke, payload }: DotProps): React.ReactElement<SVGElement> {
  const isSeen = payload?.isLone === true && typeof cx === "number" && typeof cy === "number";
  return isSeen ? <circle key={key} data-lone="" cx={cx} cy={cy} r={2} fill={stroke} /> : <g key={key} />;
}

type DotProps = {
  key?: React.Key | null | undefined;
  cx?: number | undefined;
  cy?: number | undefined;
  stroke?: string | undefined;
  payload?: { isLone?: boolean };
};

/** When it was, and how many instances it is the mean of. */
function labelOf(at: number, point: { instances?: number } | undefined): string {
  const time = exactTime(new Date(at));
  return point?.instances === undefined ? time : `${time} · ${texts.instances(point.instances)}`;
}

/** CPU, memory and disk over time, in percent. */
export function MetricsChart({ points, from, to, gapMs }: MetricsChartProps) {
  const data = breakAtGaps(downsample(points, NAMES, CHART_POINTS), NAMES, gapMs);
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
                strokeWidth={LINES[name].width + 0.25}
                strokeDasharray={LINES[name].dash}
              />
            </svg>
            {texts.lines[name]}
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
              labelFormatter={(at, drawn) => labelOf(Number(at), drawn[0]?.payload)}
              formatter={(value, name) => [percent(Number(value)), texts.lines[name as MetricName] ?? String(name)]}
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
                strokeWidth={LINES[name].width}
                dot={lonePoint}
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
