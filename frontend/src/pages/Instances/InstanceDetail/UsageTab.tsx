import { Usage } from "@/components/utils/fleet/Usage";
import { useTimeRange } from "@/hooks/useTimeRange";
import { type InstancePath, useMetrics } from "./service";

export function UsageTab({ path }: { path: InstancePath }) {
  const range = useTimeRange();
  return <Usage source={useMetrics(path, range)} range={range} of="instance" />;
}
