import { ChartLine } from "lucide-react";
import { useSearchParams } from "react-router";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { NativeSelect } from "@/components/ui/native-select";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { MetricsChart } from "@/components/utils/MetricsChart";
import { StaleAlert } from "@/components/utils/StaleAlert";
import { texts } from "@/lib/texts/fleet";
import { RANGE_NAMES, readRange } from "@/lib/time-range";
import { type InstancePath, useMetrics } from "./service";

const t = texts.instances;
/** Three missed samples are a gap. */
const GAP_MS = 90_000;

/** CPU, memory and disk over time. A chunk of its own: the chart's library is large. */
export function UsageTab({ path }: { path: InstancePath }) {
  const [params, setParams] = useSearchParams();
  const range = readRange(params);
  const { metrics, from, to } = useMetrics(path, range);
  const points = (metrics.data?.points ?? []).map((point) => ({
    at: Date.parse(point.timestamp),
    cpu: point.cpu_usage,
    memory: point.memory_usage,
    disk: point.disk_usage,
  }));
  return (
    <Card>
      <CardHeader>
        <CardTitle>{t.measured}</CardTitle>
        <NativeSelect
          size="sm"
          aria-label={t.range}
          className="w-auto"
          value={range}
          onChange={(event) =>
            setParams(
              (current) => {
                const next = new URLSearchParams(current);
                next.set("range", event.target.value);
                return next;
              },
              { replace: true },
            )
          }
        >
          {RANGE_NAMES.map((name) => (
            <option key={name} value={name}>
              {t.ranges[name]}
            </option>
          ))}
        </NativeSelect>
      </CardHeader>
      <CardContent className="grid gap-3">
        <StaleAlert source={metrics} />
        {metrics.isError && !metrics.data ? (
          <ErrorState error={metrics.error} onRetry={() => metrics.refetch()} />
        ) : null}
        {metrics.isPending ? <Skeleton className="h-72" /> : null}
        {metrics.data && points.length === 0 ? (
          <Empty icon={<ChartLine />} title={t.noMetrics.title} description={t.noMetrics.description} />
        ) : null}
        {points.length > 0 ? <MetricsChart points={points} from={from} to={to} gapMs={GAP_MS} /> : null}
      </CardContent>
    </Card>
  );
}
