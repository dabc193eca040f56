import { LogOut, UserRound } from "lucide-react";
import { useNavigate } from "react-router";
import { THEMES } from "@/components/layouts/fragments/ThemeMenu";
import { type ThemeChoice, useTheme } from "@/components/providers/ThemeProvider";
import { Avatar } from "@/components/ui/avatar";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { useAuth, useMe } from "@/context/AuthContext";
import { texts } from "@/lib/texts/layout";

/** Who is signed in, and what is theirs; `profile` is where the profile is. */
export function UserMenu({ profile }: { profile: string }) {
  const me = useMe();
  const { signOut } = useAuth();
  const { choice, choose } = useTheme();
  const navigate = useNavigate();
  const name = me.data?.full_name ?? "";
  return (
    <DropdownMenu>
      <DropdownMenuTrigger
        aria-label={texts.user.menu}
        className="grid size-8 place-items-center rounded-full hover:opacity-85"
      >
        <Avatar name={name || "?"} />
      </DropdownMenuTrigger>
      <DropdownMenuContent align="end" className="w-56">
        <DropdownMenuLabel className="grid">
          <span className="truncate text-[0.8125rem] text-foreground">{name}</span>
          <span className="truncate font-normal">{me.data?.email}</span>
        </DropdownMenuLabel>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={() => navigate(profile)}>
          <UserRound className="text-muted-foreground" />
          {texts.nav.profile}
        </DropdownMenuItem>
        <DropdownMenuSeparator />
        <DropdownMenuLabel>{texts.user.theme}</DropdownMenuLabel>
        <DropdownMenuRadioGroup value={choice} onValueChange={(value) => choose(value as ThemeChoice)}>
          {THEMES.map((theme) => (
            <DropdownMenuRadioItem key={theme.choice} value={theme.choice}>
              {texts.theme[theme.choice]}
            </DropdownMenuRadioItem>
          ))}
        </DropdownMenuRadioGroup>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={() => void signOut()}>
          <LogOut className="text-muted-foreground" />
          {texts.user.signOut}
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
