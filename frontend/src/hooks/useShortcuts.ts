import * as React from "react";
import { singleKeys } from "@/lib/single-keys";

/** Keys are single characters, or two in a row joined by a space (`g n`). */
export type Shortcuts = Record<string, () => void>;

const SEQUENCE_MS = 1_000;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      // Nobody types into a box that is ticked.
      target.matches("input:not([type=checkbox]), textarea, select") ||
      target.closest("[role=menu]") !== null)
  );
}

/** Single-key shortcuts for the whole page; silent while someone types, a dialog is open, or they are turned off. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = React.useRef(shortcuts);
  React.useLayoutEffect(() => {
    latest.current = shortcuts;
  });
  React.useEffect(() => {
    let first = { key: "", at: 0 };
    function onKeyDown(event: KeyboardEvent): void {
      if (!singleKeys.get() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector("[role=dialog],[role=alertdialog]")) return;
      const pair = event.timeStamp - first.at < SEQUENCE_MS ? `${first.key} ${event.key}` : "";
      first = { key: event.key, at: event.timeStamp };
      const run = latest.current[pair] ?? latest.current[event.key];
      if (run) {
        event.preventDefault();
        run();
      }
    }
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}
