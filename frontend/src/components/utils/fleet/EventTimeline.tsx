import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { History } from "lucide-react";
import { Link } from "react-router";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/empty";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { eventDetail, eventTone } from "@/components/utils/fleet/instance-events";
import { StaleAlert } from "@/components/utils/StaleAlert";
import { Timeline } from "@/components/utils/Timeline";
import { useOrg } from "@/context/OrgContext";
import type { EventView, SharedEventView } from "@/lib/api/generated/types.gen";
import { routes } from "@/lib/routes";
import { texts as t } from "@/lib/texts/usage";

type Event = EventView | SharedEventView;
type EventPage = { items: Event[]; total: number };

type EventTimelineProps = {
  source: UseInfiniteQueryResult<InfiniteData<EventPage>, unknown>;
  /** What it says where there is nothing. */
  none: string;
};

/** What happened, newest first; what is older is asked for when somebody wants to see it. */
export function EventTimeline({ source, none }: EventTimelineProps) {
  if (source.isError && !source.data) return <ErrorState error={source.error} onRetry={() => source.refetch()} />;
  if (!source.data) return <Skeleton className="h-40" />;
  // Pages move while they are read: an entry can come on two.
  const events = new Map(source.data.pages.flatMap((page) => page.items.map((event) => [event.uid, event])));
  const total = source.data.pages[0]?.total ?? 0;
  return (
    <div className="grid gap-4">
      <StaleAlert source={source} />
      {events.size === 0 ? <Empty icon={<History />} title={none} /> : null}
      <Timeline
        entries={[...events.values()].map((event) => ({
          id: event.uid,
          at: event.created_at,
          title: event.message,
          detail: eventDetail(event.detail),
          tone: eventTone(event.kind, event.detail),
          about: "instance_id" in event ? <About event={event} /> : null,
        }))}
      />
      {source.hasNextPage ? (
        <div className="flex flex-wrap items-center gap-3 text-xs text-muted-foreground">
          <Button
            variant="outline"
            size="sm"
            disabled={source.isFetchingNextPage}
            onClick={() => source.fetchNextPage()}
          >
            <History />
            {t.earlier}
          </Button>
          {t.shown(events.size, total)}
        </div>
      ) : null}
    </div>
  );
}

/** The instance that an entry is about; one that is gone has no page to go to. */
function About({ event }: { event: SharedEventView }) {
  const { orgId } = useOrg();
  if (event.instance_removed) {
    return (
      <>
        <span className="font-mono">{event.instance_name}</span> · {t.removed}
      </>
    );
  }
  return (
    <Link
      to={routes.instance(orgId, event.runner_id, event.instance_id)}
      className="rounded-sm font-mono text-foreground hover:underline"
    >
      {event.instance_name}
    </Link>
  );
}
