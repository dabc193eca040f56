import { useQuery } from "@tanstack/react-query";
import { useInView } from "@/hooks/useInView";
import { readInstanceMetricsOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { sparkPaths } from "@/lib/spark";
import { texts } from "@/lib/texts/fleet";

const WIDTH = 72;
const HEIGHT = 16;
const POINTS = 30;
/** New samples announce themselves; this is for when they do not. */
const REFRESH_MS = 60_000;
const MEASURED: readonly string[] = ["running", "draining"];

/** The CPU use of the last hour in a row of a list; asked for only where somebody sees it. */
export function UsageSpark({ instance }: { instance: InstanceView }) {
  const [ref, seen] = useInView<HTMLSpanElement>();
  if (seen) return <SeenSpark instance={instance} />;
  return (
    <span ref={ref} className="text-muted-foreground">
      –
    </span>
  );
}

function SeenSpark({ instance }: { instance: InstanceView }) {
  const path = { org_id: instance.org_id, runner_id: instance.runner_id, instance_id: instance.uid };
  const metrics = useQuery({
    ...readInstanceMetricsOptions({ path, query: { points: POINTS } }),
    enabled: MEASURED.includes(instance.state),
    staleTime: REFRESH_MS / 2,
    refetchInterval: REFRESH_MS,
    retry: false,
  });
  const data = metrics.data;
  const points = (data?.points ?? []).map((point) => ({ at: Date.parse(point.timestamp), value: point.cpu_usage }));
  const latest = data?.current?.cpu_usage ?? points[points.length - 1]?.value;
  if (!data || latest === undefined) {
    return (
      <span data-waits={metrics.isFetching || undefined} className="text-muted-foreground">
        –
      </span>
    );
  }
  const [from, to] = [Date.parse(data.from), Date.parse(data.to)];
  const paths = sparkPaths(points, { width: WIDTH, height: HEIGHT, from, to, gapMs: ((to - from) / POINTS) * 2.5 });
  return (
    <span className="flex items-center gap-2" title={texts.instances.usageTitle(latest)}>
      <svg
        aria-hidden="true"
        width={WIDTH}
        height={HEIGHT}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className="overflow-visible text-chart-1"
      >
        <path d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} className="stroke-border" strokeWidth="1" />
        <path d={paths.area} fill="currentColor" opacity="0.16" />
        <path d={paths.line} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
      </svg>
      <span className="w-9 text-right text-xs">{Math.round(latest)} %</span>
    </span>
  );
}
