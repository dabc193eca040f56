import type { QueryClient } from "@tanstack/react-query";
import { readMeOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import { renew, sessionStore } from "@/lib/auth-session";
import { createQueryClient } from "@/lib/query-client";

/**
 * What is asked before anything is there that would show it. Otherwise each part of the page asks when the one
 * around it has its answer: who this is, then the organisation, then the list; one after the other.
 */

export const queryClient = createQueryClient();

async function isSignedIn(): Promise<boolean> {
  const session = sessionStore.get();
  return session === "unknown" ? renew() : session === "signed-in";
}

/** Asks as soon as it is known that there is a session. What fails here is asked again, and told, where it shows. */
export async function askAhead(ask: (queryClient: QueryClient) => Promise<unknown>): Promise<void> {
  try {
    if (await isSignedIn()) await ask(queryClient);
  } catch {
    // See above.
  }
}

/** The page's very first questions: whether there is a session, and whose. */
export function askWhoThisIs(): Promise<void> {
  return askAhead((client) => client.prefetchQuery(readMeOptions()));
}
