import { Tooltip } from "@/components/ui/tooltip";
import { useNow } from "@/hooks/useNow";
import { exactTime, timeAgo } from "@/lib/format";

/** A relative time; the exact one is shown on hover and focus. */
export function TimeAgo({ at, otherwise = "never" }: { at: string | null | undefined; otherwise?: string }) {
  const now = useNow();
  if (!at) return <span className="text-muted-foreground">{otherwise}</span>;
  const date = new Date(at);
  return (
    <Tooltip content={exactTime(date)}>
      <time dateTime={at}>{timeAgo(date, now)}</time>
    </Tooltip>
  );
}
