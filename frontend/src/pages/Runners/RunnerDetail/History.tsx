import { Card, CardContent } from "@/components/ui/card";
import { EventTimeline } from "@/components/utils/fleet/EventTimeline";
import { Usage } from "@/components/utils/fleet/Usage";
import { useTimeRange } from "@/hooks/useTimeRange";
import { texts } from "@/lib/texts/usage";
import { useEvents, useMetrics } from "./service";

export function UsageTab({ runnerId }: { runnerId: string }) {
  const range = useTimeRange();
  return <Usage source={useMetrics(runnerId, range)} range={range} of="runner" />;
}

export function TimelineTab({ runnerId }: { runnerId: string }) {
  return (
    <Card>
      <CardContent>
        <EventTimeline source={useEvents(runnerId)} none={texts.noSharedEvents.title} />
      </CardContent>
    </Card>
  );
}
