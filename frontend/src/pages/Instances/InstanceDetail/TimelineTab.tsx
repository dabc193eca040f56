import { History } from "lucide-react";
import { Empty } from "@/components/ui/empty";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { eventDetail, eventTone } from "@/components/utils/fleet/instance-events";
import { StaleAlert } from "@/components/utils/StaleAlert";
import { Timeline } from "@/components/utils/Timeline";
import { texts } from "@/lib/texts/fleet";
import { type InstancePath, useEvents } from "./service";

export function TimelineTab({ path }: { path: InstancePath }) {
  const events = useEvents(path);
  if (events.isError && !events.data) return <ErrorState error={events.error} onRetry={() => events.refetch()} />;
  if (!events.data) return <Skeleton className="h-40" />;
  return (
    <div className="grid gap-4">
      <StaleAlert source={events} />
      {events.data.items.length === 0 ? <Empty icon={<History />} title={texts.instances.noEvents.title} /> : null}
      <Timeline
        entries={events.data.items.map((event) => ({
          id: event.uid,
          at: event.created_at,
          title: event.message,
          detail: eventDetail(event.detail),
          tone: eventTone(event.kind, event.detail),
        }))}
      />
    </div>
  );
}
