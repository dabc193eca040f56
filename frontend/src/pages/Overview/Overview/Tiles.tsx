import type * as React from "react";
import { Link } from "react-router";
import { Progress } from "@/components/ui/progress";
import { StatusMark } from "@/components/utils/StatusBadge";
import type { Overview } from "@/lib/api/generated/types.gen";
import { count } from "@/lib/format";
import { routes } from "@/lib/routes";
import { instanceLook, type StatusLook } from "@/lib/status";
import { texts as t } from "@/lib/texts/overview";
import { TONE_TEXT } from "@/lib/tones";
import { cn } from "@/lib/utils";
import { roomOf } from "./figures";

/** What the fleet stands on: recipes, room, the queue, the workers. */
export function Tiles({ overview, orgId }: { overview: Overview; orgId: string }) {
  const { runners, nodes, queues, workers } = overview;
  const room = roomOf(nodes);
  const waiting = queues?.reduce((sum, queue) => sum + queue.waiting, 0);
  const slots = workers?.reduce((sum, worker) => sum + worker.concurrency, 0);
  return (
    <div className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-border bg-border lg:grid-cols-4">
      <Tile label={t.runners} value={count(runners.idle + runners.busy)} to={routes.runners(orgId)}>
        <Figure look={instanceLook("running", "busy")} value={runners.busy} />
        <span className="text-muted-foreground">{t.withoutJob(runners.idle)}</span>
      </Tile>
      <Tile label={t.room} value={t.free(room.free)} to={routes.nodes(orgId)}>
        <span className="grid w-full gap-1.5 text-muted-foreground">
          {t.used(room.used, room.capacity)}
          <Progress
            value={room.used}
            max={Math.max(1, room.capacity)}
            label={t.used(room.used, room.capacity)}
            tone={room.free === 0 && room.capacity > 0 ? "warn" : "primary"}
          />
        </span>
      </Tile>
      <Tile label={t.tasks} value={waiting === undefined ? "–" : count(waiting)}>
        <span className="flex flex-wrap gap-x-3 text-muted-foreground">
          {queues === undefined ? t.redisAway : waiting === 0 ? t.noTasks : null}
          {queues
            ?.filter((queue) => queue.waiting > 0)
            .map((queue) => (
              <span key={queue.name}>
                {count(queue.waiting)} {t.queue(queue.name)}
              </span>
            ))}
        </span>
      </Tile>
      <Tile label={t.workers} value={workers === undefined ? "–" : count(workers.length)} bad={workers?.length === 0}>
        <span className="text-muted-foreground">
          {workers === undefined ? t.redisAway : workers.length === 0 ? t.noWorkers : t.slots(slots ?? 0)}
        </span>
      </Tile>
    </div>
  );
}

type TileProps = { label: string; value: string; to?: string; bad?: boolean; children: React.ReactNode };

function Tile({ label, value, to, bad = false, children }: TileProps) {
  const content = (
    <>
      <span className="text-xs text-muted-foreground">{label}</span>
      <span className={cn("text-2xl leading-none font-semibold tracking-tight", bad && "text-destructive")}>
        {value}
      </span>
      <span className="flex flex-wrap gap-x-3 gap-y-1 text-xs">{children}</span>
    </>
  );
  const classes = "grid content-start gap-2 bg-surface p-4";
  return to ? (
    <Link to={to} className={cn(classes, "hover:bg-muted/50 focus-visible:-outline-offset-2")}>
      {content}
    </Link>
  ) : (
    <div className={classes}>{content}</div>
  );
}

function Figure({ look, value }: { look: StatusLook; value: number }) {
  return (
    <span
      className={cn("inline-flex items-center gap-1.5", value === 0 ? "text-muted-foreground" : TONE_TEXT[look.tone])}
    >
      <StatusMark shape={look.shape} />
      {count(value)} {look.word}
    </span>
  );
}
