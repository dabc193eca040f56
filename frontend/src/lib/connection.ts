/** How the page hears of changes, shown beside the user's name so that nobody trusts old figures. */
export type ConnectionMode =
  /** The first connection is being made. */
  | "connecting"
  /** Changes arrive as they happen. */
  | "live"
  /** Nobody saw the tab, so it let go of the stream; what was missed is being told. */
  | "catching-up"
  /** The stream broke and is being opened again. */
  | "reconnecting"
  /** The server has lost its own source of changes and of live statuses, and answers with the last it knew. */
  | "stalled"
  /** The server offers no stream: what is visible is asked for every few seconds. */
  | "polling"
  /** The server does not answer at all. */
  | "offline";

export type Connection = {
  mode: ConnectionMode;
  /** When the server was last heard of, in ms; what is shown is as old as this. */
  heardAt: number | null;
};

/** Two facts that change apart: how the stream fares, and whether requests get answers. */
let stream: Exclude<ConnectionMode, "offline"> = "connecting";
let silent = false;
let connection: Connection = { mode: stream, heardAt: null };
const listeners = new Set<() => void>();

function update(heardAt: number | null): void {
  const mode = silent ? "offline" : stream;
  // Once a second is exact enough, and spares the page a render per answer.
  const isNews = heardAt !== null && heardAt - (connection.heardAt ?? 0) > 1000;
  if (mode === connection.mode && !isNews) return;
  connection = { mode, heardAt: isNews ? heardAt : connection.heardAt };
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

/** The stream's own view of itself; that it can't be opened at all counts as silence. */
export function streamIs(mode: ConnectionMode): void {
  if (mode === "offline") {
    stream = "reconnecting";
    silent = true;
  } else {
    stream = mode;
    if (mode === "live") silent = false;
  }
  update(null);
}

/** The server answered something. */
export function serverAnswered(now: number): void {
  silent = false;
  update(now);
}

/** A request got no answer. */
export function serverWasSilent(): void {
  silent = true;
  update(null);
}

/** What no change tells of, such as a heartbeat that found nothing new, is asked for this often. */
export const REFRESH_INTERVAL_MS = 30_000;

/** Between two questions where no stream tells of changes. */
export const POLL_INTERVAL_MS = 5_000;
