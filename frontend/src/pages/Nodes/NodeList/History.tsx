import { EventTimeline } from "@/components/utils/fleet/EventTimeline";
import { Usage } from "@/components/utils/fleet/Usage";
import { useTimeRange } from "@/hooks/useTimeRange";
import { texts } from "@/lib/texts/usage";
import { useEvents, useMetrics } from "./service";

export function UsageTab({ nodeId }: { nodeId: string }) {
  const range = useTimeRange();
  return <Usage source={useMetrics(nodeId, range)} range={range} of="node" />;
}

export function TimelineTab({ nodeId }: { nodeId: string }) {
  return <EventTimeline source={useEvents(nodeId)} none={texts.noSharedEvents.title} />;
}
