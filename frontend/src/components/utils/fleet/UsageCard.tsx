import type { UseQueryResult } from "@tanstack/react-query";
import { ChartLine } from "lucide-react";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { NativeSelect } from "@/components/ui/native-select";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { MetricsChart } from "@/components/utils/MetricsChart";
import { StaleAlert } from "@/components/utils/StaleAlert";
import type { TimeRange } from "@/hooks/useTimeRange";
import type {
  MetricPoint as ApiPoint,
  MetricsView,
  SharedMetricPoint,
  SharedMetricsView,
} from "@/lib/api/generated/types.gen";
import { gapOf } from "@/lib/downsample";
import { texts as t } from "@/lib/texts/usage";
import { RANGE_NAMES } from "@/lib/time-range";

export type UsageCardProps = {
  source: UseQueryResult<MetricsView | SharedMetricsView, unknown>;
  range: TimeRange;
  /** Whose usage it is. */
  of: "instance" | "runner" | "node";
};

/** Where there is but one instance, the api does not count them. */
type Measured = ApiPoint & Partial<SharedMetricPoint>;

/** CPU, memory and disk over time. */
export function UsageCard({ source, range, of }: UsageCardProps) {
  const measured: Measured[] = source.data?.points ?? [];
  const points = measured.map((point) => ({
    at: Date.parse(point.timestamp),
    peak: point.cpu_peak,
    cpu: point.cpu_usage,
    memory: point.memory_usage,
    disk: point.disk_usage,
    instances: point.instances,
  }));
  const interval = source.data?.interval_secs;
  return (
    <Card>
      <CardHeader>
        <CardTitle>{t.title}</CardTitle>
        <NativeSelect
          size="sm"
          aria-label={t.range}
          className="w-auto"
          value={range.name}
          onChange={(event) => {
            const chosen = RANGE_NAMES.find((name) => name === event.target.value);
            if (chosen) range.choose(chosen);
          }}
        >
          {RANGE_NAMES.map((name) => (
            <option key={name} value={name}>
              {t.ranges[name]}
            </option>
          ))}
        </NativeSelect>
      </CardHeader>
      <CardContent className="grid gap-3">
        <StaleAlert source={source} />
        {source.isError && !source.data ? <ErrorState error={source.error} onRetry={() => source.refetch()} /> : null}
        {source.isPending ? <Skeleton className="h-72" /> : null}
        {source.data && points.length === 0 ? (
          <Empty icon={<ChartLine />} title={t.none.title} description={t.none.description(interval)} />
        ) : null}
        {source.data && points.length > 0 ? (
          <>
            <MetricsChart
              points={points}
              from={range.from}
              to={range.to}
              gapMs={gapOf(points, {
                intervalMs: interval === undefined ? undefined : interval * 1_000,
                stretchMs: source.data.stretch_secs * 1_000,
              })}
            />
            {t.meanOf[of] ? <p className="text-xs text-muted-foreground">{t.meanOf[of]}</p> : null}
          </>
        ) : null}
      </CardContent>
    </Card>
  );
}
