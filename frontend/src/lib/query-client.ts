import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import {
  connectionStore,
  POLL_INTERVAL_MS,
  REFRESH_INTERVAL_MS,
  serverAnswered,
  serverWasSilent,
} from "@/lib/connection";
import { isTransient, NO_ANSWER, toProblem } from "@/lib/problem";

declare module "@tanstack/react-query" {
  interface Register {
    mutationMeta: { tellsFailure?: boolean };
  }
}

/** For a mutation that no form or dialog waits for: its failure would be seen nowhere else. */
export const TELLS_FAILURE = { tellsFailure: true } as const;

const MOST_RETRIES = 2;

function noteFailure(error: unknown): void {
  if (toProblem(error).status === NO_ANSWER) serverWasSilent();
  else serverAnswered(Date.now());
}

/** Server data lives here only. While no stream is live, what is visible is asked for again and again. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onSuccess: () => serverAnswered(Date.now()),
      onError: noteFailure,
    }),
    mutationCache: new MutationCache({
      onSuccess: () => serverAnswered(Date.now()),
      onError: (error, _variables, _result, { meta }) => {
        noteFailure(error);
        if (meta?.tellsFailure) toast.error(toProblem(error).detail);
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        gcTime: 5 * 60_000,
        // We ask on our own loopback and say so when there is no answer; the browser's guess is not needed.
        networkMode: "always",
        retry: (failures, error) => failures < MOST_RETRIES && isTransient(toProblem(error)),
        retryDelay: (failures) => Math.min(4_000, 400 * 2 ** failures),
        refetchInterval: () => (connectionStore.get().mode === "live" ? REFRESH_INTERVAL_MS : POLL_INTERVAL_MS),
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}
