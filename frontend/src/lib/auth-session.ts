/**
 * The access token and how it is renewed. The token lives in memory only; what survives a reload is the
 * HttpOnly refresh cookie, which `POST /auth/refresh` turns into a new access token.
 */

export type Tokens = { access_token: string; expires_in: number };
/** `unknown` until the refresh cookie has been tried once. */
export type Session = "unknown" | "signed-in" | "signed-out";

/** Renewed this long before it expires, so that a slow request does not arrive with an old token. */
const RENEW_BEFORE_MS = 20_000;

let accessToken: string | null = null;
let expiresAt = 0;
let renewal: Promise<boolean> | null = null;
let endedByChoice = false;
let session: Session = "unknown";
const listeners = new Set<() => void>();

/** Other tabs share the refresh cookie, so a sign-out in one of them ends the session in all. */
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("runner-pilot.session");
channel?.addEventListener("message", (message: MessageEvent<unknown>) => {
  if (message.data === "signed-out") {
    endedByChoice = true;
    forget();
  }
});

function setSession(next: Session): void {
  if (next === session) return;
  session = next;
  for (const listener of listeners) listener();
}

function forget(): void {
  accessToken = null;
  expiresAt = 0;
  setSession("signed-out");
}

export const sessionStore = {
  get: (): Session => session,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
};

export function keepTokens(tokens: Tokens): void {
  accessToken = tokens.access_token;
  expiresAt = Date.now() + tokens.expires_in * 1000;
  endedByChoice = false;
  setSession("signed-in");
}

/** Whether the session was ended by a sign-out: nobody expects to be led back then. */
export function wasSignedOut(): boolean {
  return endedByChoice;
}

/** Ends the session here and in the other tabs; the server is told by the caller. */
export function dropTokens(): void {
  endedByChoice = true;
  forget();
  channel?.postMessage("signed-out");
}

async function requestRenewal(): Promise<boolean> {
  const response = await fetch("/auth/refresh", {
    method: "POST",
    credentials: "same-origin",
    headers: { Accept: "application/json" },
  });
  if (response.ok) {
    keepTokens((await response.json()) as Tokens);
    return true;
  }
  // Only an answer about the session ends it: a server that is down says nothing of who we are.
  if (response.status === 401 || response.status === 403) {
    forget();
    return false;
  }
  const detail = `The session could not be renewed (HTTP ${response.status}).`;
  // With its status it reads as the answer it is, not as silence.
  throw Object.assign(new Error(detail), { status: response.status, detail });
}

/**
 * Renews the access token; resolves to whether there is a session. Callers at the same time share one
 * request, and a lock keeps the tabs apart: a refresh token used twice ends the whole session.
 */
export function renew(): Promise<boolean> {
  renewal ??= (
    navigator.locks ? navigator.locks.request("runner-pilot.refresh", requestRenewal) : requestRenewal()
  ).finally(() => {
    renewal = null;
  });
  return renewal;
}

function withToken(request: Request): Request {
  const copy = request.clone();
  if (accessToken) copy.headers.set("Authorization", `Bearer ${accessToken}`);
  return copy;
}

/** These decide about the session themselves: a 401 from them is an answer, not a lost session. */
function isAuthRequest(request: Request): boolean {
  return /^\/auth\/(login|register|refresh|logout)$/.test(new URL(request.url).pathname);
}

/** `fetch` with the access token: a 401 renews the session once and tries again. */
export async function authFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  if (isAuthRequest(request)) return fetch(request);
  if (accessToken && Date.now() > expiresAt - RENEW_BEFORE_MS) {
    // A failed early renewal is no reason not to try: the token may still be good.
    await renew().catch(() => false);
  }
  const used = accessToken;
  const response = await fetch(withToken(request));
  if (response.status !== 401 || used === null) return response;
  const renewed = accessToken !== used && accessToken !== null ? true : await renew();
  return renewed ? fetch(withToken(request)) : response;
}
