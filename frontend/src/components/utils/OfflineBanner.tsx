import { CloudOff, History } from "lucide-react";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useConnection } from "@/hooks/useConnection";
import { texts } from "@/lib/texts/common";

const t = texts.connection;

/** Says that what is visible is old, and how old; or which part of it is. */
export function OfflineBanner() {
  const { mode, heardAt } = useConnection();
  return (
    <div role="status">
      {mode === "offline" ? (
        <p className="flex flex-wrap items-center gap-2 border-b border-destructive/30 bg-destructive-soft px-5 py-1.5 text-[0.8125rem]">
          <CloudOff aria-hidden="true" className="size-4 text-destructive" />
          {t.offline.explain}
          <span className="text-xs">
            {t.heard}: <TimeAgo at={heardAt === null ? null : new Date(heardAt).toISOString()} />
          </span>
        </p>
      ) : mode === "stalled" ? (
        <p className="flex items-start gap-2 border-b border-warn/30 bg-warn-soft px-5 py-1.5 text-[0.8125rem]">
          <History aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-warn" />
          {t.stalled.explain}
        </p>
      ) : null}
    </div>
  );
}
