import { CloudOff } from "lucide-react";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useConnection } from "@/hooks/useConnection";
import { texts } from "@/lib/texts/common";

/** Says that what is visible is old, and how old. */
export function OfflineBanner() {
  const { mode, heardAt } = useConnection();
  return (
    <div role="status">
      {mode === "offline" ? (
        <p className="flex flex-wrap items-center gap-2 border-b border-destructive/30 bg-destructive-soft px-5 py-1.5 text-[0.8125rem]">
          <CloudOff aria-hidden="true" className="size-4 text-destructive" />
          {texts.connection.offline.explain}
          <span className="text-xs">
            {texts.connection.heard}: <TimeAgo at={heardAt === null ? null : new Date(heardAt).toISOString()} />
          </span>
        </p>
      ) : null}
    </div>
  );
}
