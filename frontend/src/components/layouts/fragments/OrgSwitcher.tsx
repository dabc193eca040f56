import { Check, ChevronsUpDown, Plus } from "lucide-react";
import { useNavigate } from "react-router";
import { Avatar } from "@/components/ui/avatar";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { useMe } from "@/context/AuthContext";
import { useOrg } from "@/context/OrgContext";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";

export function OrgSwitcher() {
  const org = useOrg();
  const me = useMe();
  const navigate = useNavigate();
  return (
    <DropdownMenu>
      <DropdownMenuTrigger
        aria-label={`${texts.switcher.label}: ${org.name}`}
        className="flex h-11 w-full min-w-0 items-center gap-2.5 rounded-md px-2 text-left hover:bg-accent"
      >
        <Avatar name={org.name} square />
        <span className="grid min-w-0 flex-1">
          <span className="truncate text-[0.8125rem] font-semibold">{org.name}</span>
          <span className="truncate text-2xs text-muted-foreground">{texts.switcher.roles[org.role]}</span>
        </span>
        <ChevronsUpDown aria-hidden="true" className="size-4 shrink-0 text-muted-foreground" />
      </DropdownMenuTrigger>
      <DropdownMenuContent align="start" className="w-auto max-w-80 min-w-(--radix-dropdown-menu-trigger-width)">
        <DropdownMenuLabel>{texts.switcher.label}</DropdownMenuLabel>
        {me.data?.orgs.map((membership) => (
          <DropdownMenuItem key={membership.uid} onSelect={() => navigate(routes.overview(membership.uid))}>
            <Avatar name={membership.name} square className="size-6" />
            <span className="min-w-0 flex-1 py-1.5 break-words">{membership.name}</span>
            {membership.uid === org.orgId ? <Check aria-label={texts.switcher.current} /> : null}
          </DropdownMenuItem>
        ))}
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={() => navigate(`${routes.welcome}?new=1`)}>
          <Plus className="text-muted-foreground" />
          {texts.switcher.create}
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
