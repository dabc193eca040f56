import * as React from "react";

/** Names the tab after what it shows. */
export function useTitle(title: string): void {
  React.useEffect(() => {
    document.title = `${title} · Runner Pilot`;
  }, [title]);
}
