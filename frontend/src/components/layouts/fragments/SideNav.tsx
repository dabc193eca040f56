import {
  BookText,
  Box,
  Gauge,
  KeyRound,
  type LucideIcon,
  ScrollText,
  Server,
  Settings,
  SquareStack,
  Users,
} from "lucide-react";
import { NavLink } from "react-router";
import { useOrg } from "@/context/OrgContext";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";
import { cn } from "@/lib/utils";

export type NavEntry = { label: string; to: string; icon: LucideIcon; end?: boolean };

/** The pages of an organisation, also used by the command palette. */
export function navEntries(orgId: string): { heading: string | null; entries: NavEntry[] }[] {
  const { nav } = texts;
  return [
    {
      heading: null,
      entries: [{ label: nav.overview, to: routes.overview(orgId), icon: Gauge, end: true }],
    },
    {
      heading: nav.fleet,
      entries: [
        { label: nav.runners, to: routes.runners(orgId), icon: SquareStack },
        { label: nav.instances, to: routes.instances(orgId), icon: Box },
        { label: nav.nodes, to: routes.nodes(orgId), icon: Server },
        { label: nav.credentials, to: routes.credentials(orgId), icon: KeyRound },
      ],
    },
    {
      heading: nav.organisation,
      entries: [
        { label: nav.members, to: routes.members(orgId), icon: Users },
        { label: nav.audit, to: routes.audit(orgId), icon: ScrollText },
        { label: nav.settings, to: routes.settings(orgId), icon: Settings },
      ],
    },
  ];
}

export function SideNav({ onNavigate }: { onNavigate?: () => void }) {
  const { orgId } = useOrg();
  return (
    <nav aria-label={texts.navigation} className="grid content-start gap-4 overflow-y-auto px-3 py-2">
      {navEntries(orgId).map(({ heading, entries }) => (
        <div key={heading ?? "top"} className="grid gap-0.5">
          {heading ? (
            <p className="px-2 pb-1 text-2xs font-medium tracking-wide text-muted-foreground">{heading}</p>
          ) : null}
          {entries.map((entry) => (
            <NavLink
              key={entry.to}
              to={entry.to}
              end={entry.end ?? false}
              onClick={onNavigate}
              className={({ isActive }) =>
                cn(
                  "flex h-8 items-center gap-2.5 rounded-md px-2 text-[0.8125rem] transition-colors",
                  isActive
                    ? "bg-surface font-medium text-foreground shadow-xs ring-1 ring-border [&_svg]:text-primary"
                    : "text-muted-foreground hover:bg-accent hover:text-foreground",
                )
              }
            >
              <entry.icon aria-hidden="true" className="size-4 shrink-0" />
              {entry.label}
            </NavLink>
          ))}
        </div>
      ))}
      <a
        href="/docs"
        className="flex h-8 items-center gap-2.5 rounded-md px-2 text-[0.8125rem] text-muted-foreground hover:bg-accent hover:text-foreground"
      >
        <BookText aria-hidden="true" className="size-4 shrink-0" />
        {texts.nav.apiDocs}
      </a>
    </nav>
  );
}
