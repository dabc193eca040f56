import { Link } from "react-router";
import { Card } from "@/components/ui/card";
import { StatusMark } from "@/components/utils/StatusBadge";
import type { Overview } from "@/lib/api/generated/types.gen";
import { count } from "@/lib/format";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/overview";
import { TONE_FILL, TONE_TEXT } from "@/lib/tones";
import { cn } from "@/lib/utils";
import { ALWAYS_NAMED, type Part, partsOf } from "./figures";

const t = texts.fleet;

/** All instances as one bar, and each share as a way to its list. */
export function FleetCard({ overview, orgId }: { overview: Overview; orgId: string }) {
  const parts = partsOf(overview);
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const named = parts.filter((part) => part.value > 0 || ALWAYS_NAMED.includes(part.look.word));
  const to = routes.instances(orgId);
  return (
    <Card className="grid gap-4 p-4">
      <h2 className="flex flex-wrap items-baseline gap-x-2.5 gap-y-1">
        <Link
          to={to}
          className="rounded-sm text-3xl leading-none font-semibold tracking-tight hover:text-primary"
          aria-label={t.whole(total)}
        >
          {count(total)}
        </Link>
        <span className="text-[0.8125rem] text-muted-foreground">
          {t.noun(total)}
          {overview.instances.draining > 0 ? `, ${t.draining(overview.instances.draining)}` : ""}
        </span>
      </h2>
      {total === 0 ? (
        <p className="text-[0.8125rem] text-muted-foreground">{t.none}</p>
      ) : (
        <Bar parts={named} total={total} />
      )}
      <ul className="-mx-1.5 flex flex-wrap gap-x-2 gap-y-1">
        {named.map((part) => (
          <li key={part.look.word}>
            <Link
              to={`${to}?${part.search}`}
              className={cn(
                "inline-flex h-7 items-center gap-2 rounded-md px-1.5 text-[0.8125rem] hover:bg-accent",
                part.value === 0 && "text-muted-foreground",
              )}
            >
              <StatusMark
                shape={part.look.shape}
                className={part.value === 0 ? "text-muted-foreground" : TONE_TEXT[part.look.tone]}
              />
              <span className="font-semibold">{count(part.value)}</span>
              {part.look.word}
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** The legend below says the same in words. */
function Bar({ parts, total }: { parts: Part[]; total: number }) {
  return (
    <div aria-hidden="true" className="flex h-3 gap-0.5 overflow-hidden rounded-full bg-muted">
      {parts
        .filter((part) => part.value > 0)
        .map((part) => (
          <div
            key={part.look.word}
            className={cn("min-w-1.5 transition-[flex-grow]", TONE_FILL[part.look.tone])}
            style={{ flexGrow: part.value / total, flexBasis: 0 }}
          />
        ))}
    </div>
  );
}
