// Runs before the first paint; kept in step with src/components/providers/ThemeProvider.tsx.
(() => {
  let choice = null;
  try {
    choice = localStorage.getItem("runner-pilot.theme");
  } catch {
    // Storage may be forbidden; the system's theme is used then.
  }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
