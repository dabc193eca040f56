/** How the page hears of changes, shown beside the user's name so that nobody trusts old figures. */
export type ConnectionMode =
  /** The first connection is being made. */
  | "connecting"
  /** Changes arrive as they happen. */
  | "live"
  /** The stream broke; it is being opened again. */
  | "reconnecting"
  /** The server offers no stream: what is visible is asked for every few seconds. */
  | "polling"
  /** The server does not answer at all. */
  | "offline";

export type Connection = {
  mode: ConnectionMode;
  /** When the server was last heard of, in ms; what is shown is as old as this. */
  heardAt: number | null;
};

let connection: Connection = { mode: "connecting", heardAt: null };
const listeners = new Set<() => void>();

function set(next: Connection): void {
  connection = next;
  for (const listener of listeners) listener();
}

export const connectionStore = {
  get: (): Connection => connection,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
};

/** The stream's own view of itself. */
export function streamIs(mode: ConnectionMode): void {
  if (mode !== connection.mode) set({ ...connection, mode });
}

/** The server answered something. Ends `offline` only where no stream says better. */
export function serverAnswered(now: number): void {
  const mode = connection.mode === "offline" ? "reconnecting" : connection.mode;
  // Once a second is exact enough, and spares the page a render per answer.
  if (mode !== connection.mode || now - (connection.heardAt ?? 0) > 1000) set({ mode, heardAt: now });
}

/** A request got no answer. */
export function serverWasSilent(): void {
  if (connection.mode !== "offline") set({ ...connection, mode: "offline" });
}

/** What no change tells of, such as a heartbeat that found nothing new, is asked for this often. */
export const REFRESH_INTERVAL_MS = 30_000;

/** Between two questions where no stream tells of changes. */
export const POLL_INTERVAL_MS = 5_000;
