import * as React from "react";

export type ThemeChoice = "light" | "dark" | "system";
type Theme = { choice: ThemeChoice; resolved: "light" | "dark"; choose: (choice: ThemeChoice) => void };

/** Also read by public/theme.js before the first paint. */
const STORAGE_KEY = "runner-pilot.theme";
const DARK = "(prefers-color-scheme: dark)";

const ThemeContext = React.createContext<Theme | null>(null);

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(STORAGE_KEY);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

function subscribeToSystem(listener: () => void): () => void {
  const query = matchMedia(DARK);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

export function ThemeProvider({ children }: { children: React.ReactNode }) {
  const [choice, setChoice] = React.useState<ThemeChoice>(storedChoice);
  const systemIsDark = React.useSyncExternalStore(subscribeToSystem, () => matchMedia(DARK).matches);
  const resolved = choice === "system" ? (systemIsDark ? "dark" : "light") : choice;

  React.useLayoutEffect(() => {
    document.documentElement.classList.toggle("dark", resolved === "dark");
  }, [resolved]);

  const theme = React.useMemo<Theme>(
    () => ({
      choice,
      resolved,
      choose(next) {
        setChoice(next);
        try {
          if (next === "system") localStorage.removeItem(STORAGE_KEY);
          else localStorage.setItem(STORAGE_KEY, next);
        } catch {
          // Without storage the choice lasts until the page is closed.
        }
      },
    }),
    [choice, resolved],
  );
  return <ThemeContext value={theme}>{children}</ThemeContext>;
}

export function useTheme(): Theme {
  const theme = React.use(ThemeContext);
  if (!theme) throw new Error("useTheme needs a ThemeProvider above it");
  return theme;
}
