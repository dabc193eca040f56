import { Tooltip } from "@/components/utils/Tooltip";
import { tellOnTap } from "@/components/utils/tap";
import { useNow } from "@/hooks/useNow";
import { exactTime, timeAgo } from "@/lib/format";

type TimeAgoProps = {
  at: string | null | undefined;
  otherwise?: string;
  /** Where there is room, such as among the details of a thing, the exact time stands beside it. */
  withExact?: boolean;
};

/** A relative time; the exact one is told on hover and at a tap. No stop for the Tab key, as a list has hundreds. */
export function TimeAgo({ at, otherwise = "never", withExact = false }: TimeAgoProps) {
  const now = useNow();
  if (!at) return <span className="text-muted-foreground">{otherwise}</span>;
  const date = new Date(at);
  const exact = exactTime(date);
  if (withExact) {
    return (
      <time dateTime={at}>
        {timeAgo(date, now)} <span className="text-muted-foreground">({exact})</span>
      </time>
    );
  }
  return (
    <Tooltip content={exact}>
      <time dateTime={at} onPointerUp={tellOnTap(exact)}>
        {timeAgo(date, now)}
      </time>
    </Tooltip>
  );
}
