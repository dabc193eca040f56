import { useQuery, useQueryClient } from "@tanstack/react-query";
import * as React from "react";
import { toast } from "sonner";
import { readMeOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import type { MeView } from "@/lib/api/generated/types.gen";
import { renew, type Session, sessionStore, signOut } from "@/lib/auth-session";
import { operationOf } from "@/lib/live-keys";
import { texts } from "@/lib/texts/layout";

type Auth = {
  session: Session;
  /** Why the session could not be found out: the server did not answer. */
  bootError: unknown;
  retryBoot: () => void;
  signOut: () => Promise<void>;
};

const AuthContext = React.createContext<Auth | null>(null);

/** Who is signed in. A reload finds the session again through the refresh cookie. */
export function AuthProvider({ children }: { children: React.ReactNode }) {
  const queryClient = useQueryClient();
  const session = React.useSyncExternalStore(sessionStore.subscribe, sessionStore.get);
  const boot = useQuery({
    queryKey: ["session"],
    queryFn: renew,
    enabled: session === "unknown",
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: (query) => (query.state.status === "error" ? 3_000 : false),
  });
  const { error, refetch } = boot;
  // A query that is asked again forgets its error; what is shown of it stays until there is an answer.
  const [failure, setFailure] = React.useState<unknown>(null);
  if (error && error !== failure) setFailure(error);

  const wasSignedIn = React.useRef(false);
  React.useEffect(() => {
    // Nothing of one account may be seen by the next. What needs no account stays.
    if (session === "signed-out" && wasSignedIn.current) {
      queryClient.removeQueries({ predicate: (query) => operationOf(query) !== "readConfig" });
    }
    wasSignedIn.current = session === "signed-in";
  }, [session, queryClient]);

  const auth = React.useMemo<Auth>(
    () => ({
      session,
      bootError: session === "unknown" ? failure : null,
      retryBoot: () => void refetch(),
      async signOut() {
        if (!(await signOut())) toast.warning(texts.signOutPending, { duration: Number.POSITIVE_INFINITY });
      },
    }),
    [session, failure, refetch],
  );
  return <AuthContext value={auth}>{children}</AuthContext>;
}

export function useAuth(): Auth {
  const auth = React.use(AuthContext);
  if (!auth) throw new Error("useAuth needs an AuthProvider above it");
  return auth;
}

/** The signed-in user and their organisations; `undefined` while that is being asked. */
export function useMe() {
  const { session } = useAuth();
  return useQuery({ ...readMeOptions(), enabled: session === "signed-in", staleTime: 30_000 });
}

export type Me = MeView;
