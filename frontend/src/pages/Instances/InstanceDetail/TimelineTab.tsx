import { EventTimeline } from "@/components/utils/fleet/EventTimeline";
import { texts } from "@/lib/texts/usage";
import { type InstancePath, useEvents } from "./service";

export function TimelineTab({ path }: { path: InstancePath }) {
  return <EventTimeline source={useEvents(path)} none={texts.noEvents.title} />;
}
