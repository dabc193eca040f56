import * as React from "react";
import { type Connection, connectionStore } from "@/lib/connection";

/** How the page hears of changes at the moment. */
export function useConnection(): Connection {
  return React.useSyncExternalStore(connectionStore.subscribe, connectionStore.get);
}
