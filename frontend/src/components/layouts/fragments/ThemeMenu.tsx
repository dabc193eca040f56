import { Monitor, Moon, Sun } from "lucide-react";
import { type ThemeChoice, useTheme } from "@/components/providers/ThemeProvider";
import { Button } from "@/components/ui/button";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { texts } from "@/lib/texts/layout";

export const THEMES = [
  { choice: "light", icon: Sun },
  { choice: "dark", icon: Moon },
  { choice: "system", icon: Monitor },
] as const satisfies { choice: ThemeChoice; icon: typeof Sun }[];

export function ThemeMenu() {
  const { choice, resolved, choose } = useTheme();
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <Button variant="ghost" size="icon" aria-label={`${texts.user.theme}: ${texts.theme[choice]}`}>
          {resolved === "dark" ? <Moon /> : <Sun />}
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent align="end">
        <DropdownMenuRadioGroup value={choice} onValueChange={(value) => choose(value as ThemeChoice)}>
          {THEMES.map((theme) => (
            <DropdownMenuRadioItem key={theme.choice} value={theme.choice}>
              <theme.icon className="text-muted-foreground" />
              {texts.theme[theme.choice]}
            </DropdownMenuRadioItem>
          ))}
        </DropdownMenuRadioGroup>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
