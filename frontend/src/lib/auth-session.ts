import { exclusively } from "@/lib/tab-lock";

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

/** Ends a session that the server no longer takes; it is not told, and the sign-in leads back. */
export function endSession(): void {
  forget();
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
  setPending(false);
  setSession("signed-in");
}

/** Whether the session was ended by a sign-out: nobody expects to be led back then. */
export function wasSignedOut(): boolean {
  return endedByChoice;
}

/** Ends the session here and in the other tabs. */
function dropTokens(): void {
  endedByChoice = true;
  forget();
  channel?.postMessage("signed-out");
}

/** Outlives the page: somebody has signed out, and the server, which holds the refresh token, does not know yet. */
const PENDING_KEY = "runner-pilot.sign-out-pending";
const TELL_AGAIN_MS = 10_000;
let isPending = readPending();
let tellAgain: ReturnType<typeof setTimeout> | undefined;

function readPending(): boolean {
  try {
    return localStorage.getItem(PENDING_KEY) !== null;
  } catch {
    return false;
  }
}

function setPending(next: boolean): void {
  isPending = next;
  clearTimeout(tellAgain);
  try {
    if (next) localStorage.setItem(PENDING_KEY, "1");
    else localStorage.removeItem(PENDING_KEY);
  } catch {
    // Without storage it is tried again for as long as the page is open.
  }
}

/** Tells the server of the sign-out, again and again until it answers; resolves to whether it did at once. */
async function tellSignOut(): Promise<boolean> {
  const response = await fetch("/auth/logout", { method: "POST", credentials: "same-origin" }).catch(() => null);
  // A new sign-in has replaced the old refresh token in the meantime.
  if (!isPending) return true;
  const isTold = response !== null && (response.ok || response.status === 401 || response.status === 403);
  if (isTold) setPending(false);
  else tellAgain = setTimeout(() => void tellSignOut(), TELL_AGAIN_MS);
  return isTold;
}

/**
 * Ends the session, here and in the other tabs at once. Resolves to whether the server could be told; where not,
 * no reload brings the session back, and it is told as soon as it answers.
 */
export function signOut(): Promise<boolean> {
  setPending(true);
  dropTokens();
  return tellSignOut();
}

async function requestRenewal(): Promise<boolean> {
  if (isPending || readPending()) {
    setPending(true);
    endedByChoice = true;
    forget();
    void tellSignOut();
    return false;
  }
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
 * request, and the tabs take turns: a refresh token used twice ends the whole session.
 */
export function renew(): Promise<boolean> {
  renewal ??= exclusively("runner-pilot.refresh", requestRenewal).finally(() => {
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
