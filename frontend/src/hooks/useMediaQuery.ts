import * as React from "react";

/** Whether the window fits a media query; where nothing lays out pages (tests), it does. */
export function useMediaQuery(query: string): boolean {
  const subscribe = React.useCallback(
    (listener: () => void) => {
      const list = window.matchMedia?.(query);
      list?.addEventListener("change", listener);
      return () => list?.removeEventListener("change", listener);
    },
    [query],
  );
  return React.useSyncExternalStore(subscribe, () => window.matchMedia?.(query).matches ?? true);
}
