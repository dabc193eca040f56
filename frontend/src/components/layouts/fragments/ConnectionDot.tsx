import { Popover, PopoverContent, PopoverTrigger } from "@/components/ui/popover";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useConnection } from "@/hooks/useConnection";
import type { ConnectionMode } from "@/lib/connection";
import { texts } from "@/lib/texts/common";
import { cn } from "@/lib/utils";

const LOOKS: Record<ConnectionMode, { dot: string; text: string }> = {
  connecting: { dot: "border-2 border-dashed border-calm", text: "text-muted-foreground" },
  "catching-up": { dot: "border-2 border-dashed border-calm", text: "text-muted-foreground" },
  live: { dot: "bg-ok", text: "text-muted-foreground" },
  reconnecting: { dot: "border-2 border-warn bg-transparent", text: "text-warn" },
  stalled: { dot: "rounded-none bg-warn", text: "text-warn" },
  polling: { dot: "border-2 border-primary bg-transparent", text: "text-muted-foreground" },
  offline: { dot: "rotate-45 rounded-none bg-destructive", text: "text-destructive" },
};

/** How fresh the page is: by word, shape and colour. */
export function ConnectionDot() {
  const { mode, heardAt } = useConnection();
  const { word, explain } = texts.connection[mode];
  return (
    <Popover>
      <PopoverTrigger
        data-connection={mode}
        className={cn("flex h-8 items-center gap-2 rounded-md px-2 text-xs hover:bg-accent", LOOKS[mode].text)}
      >
        <span aria-hidden="true" className={cn("size-2 rounded-full", LOOKS[mode].dot)} />
        <span role="status">{word}</span>
      </PopoverTrigger>
      <PopoverContent align="end" className="grid gap-2">
        <p className="font-medium">{word}</p>
        <p className="text-muted-foreground">{explain}</p>
        <p className="text-xs text-muted-foreground">
          {texts.connection.heard}: <TimeAgo at={heardAt === null ? null : new Date(heardAt).toISOString()} />
        </p>
      </PopoverContent>
    </Popover>
  );
}
