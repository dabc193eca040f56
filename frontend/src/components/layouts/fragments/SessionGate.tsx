import { useQuery } from "@tanstack/react-query";
import { Navigate, Outlet, useLocation } from "react-router";
import { Mark } from "@/assets/Mark";
import { ErrorState } from "@/components/utils/ErrorState";
import { useAuth, useMe } from "@/context/AuthContext";
import { readConfigOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import { wasSignedOut } from "@/lib/auth-session";
import { rememberedOrg } from "@/lib/last-org";
import { routes, signInFrom } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";

/** Waits until it is known whether there is a session; nothing flashes by before. */
export function SessionGate() {
  const { session, bootError, retryBoot } = useAuth();
  if (session !== "unknown") return <Outlet />;
  if (bootError) {
    return (
      <main className="grid min-h-dvh content-center">
        <ErrorState isPage error={bootError} onRetry={retryBoot} />
      </main>
    );
  }
  return <Waiting />;
}

/** Pages behind it need a session; without one the sign-in page leads back here. */
export function RequireSession() {
  const { session } = useAuth();
  const location = useLocation();
  const config = useQuery({ ...readConfigOptions(), enabled: session === "signed-out", refetchInterval: false });
  if (session === "signed-in") return <Outlet />;
  if (config.isPending) return <Waiting />;
  if (config.data?.onboarding_required) return <Navigate to={routes.welcome} replace />;
  return <Navigate to={wasSignedOut() ? routes.signIn : signInFrom(location)} replace />;
}

/** `/` leads to the organisation looked at last, or to the making of the first one. */
export function Home() {
  const me = useMe();
  if (me.isError && !me.data) {
    return (
      <main className="grid min-h-dvh content-center">
        <ErrorState isPage error={me.error} onRetry={() => me.refetch()} />
      </main>
    );
  }
  if (!me.data) return <Waiting />;
  const last = rememberedOrg();
  const org = me.data.orgs.find((each) => each.uid === last) ?? me.data.orgs[0];
  return <Navigate to={org ? routes.overview(org.uid) : routes.welcome} replace />;
}

function Waiting() {
  return (
    <main aria-busy="true" className="grid min-h-dvh place-items-center">
      <p className="grid justify-items-center gap-3 text-[0.8125rem] text-muted-foreground">
        <Mark className="size-8 animate-pulse" />
        <span className="sr-only">{texts.boot.checking}</span>
      </p>
    </main>
  );
}
