import { Check } from "lucide-react";
import * as React from "react";
import { Link, Navigate, Outlet, useSearchParams } from "react-router";
import { Wordmark } from "@/assets/Mark";
import { ThemeMenu } from "@/components/layouts/fragments/ThemeMenu";
import { Button } from "@/components/ui/button";
import { useAuth, useMe } from "@/context/AuthContext";
import { useTitle } from "@/hooks/useTitle";
import { returnTo, routes } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";

/** Around sign-in and registration. Who is signed in goes on to where they wanted to be. */
export function AuthLayout() {
  const { session } = useAuth();
  const [params] = useSearchParams();
  // Who signs in or registers here goes on; who came with a session and an invitation has to choose first.
  const [cameAsGuest, setCameAsGuest] = React.useState(session !== "signed-in");
  if (session !== "signed-in" && !cameAsGuest) setCameAsGuest(true);
  const mustChoose = session === "signed-in" && !cameAsGuest && Boolean(params.get("invitation"));
  if (session === "signed-in" && !mustChoose) return <Navigate to={returnTo(params)} replace />;
  return (
    <div className="grid min-h-dvh lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
      <aside className="hidden flex-col justify-between border-r border-border bg-sidebar p-10 lg:flex">
        <Wordmark />
        <div className="grid max-w-md gap-6">
          <FlightPath />
          <p className="text-2xl font-semibold tracking-tight text-balance">{texts.auth.headline}</p>
          <ul className="grid gap-2.5 text-muted-foreground">
            {texts.auth.points.map((point) => (
              <li key={point} className="flex gap-2.5">
                <Check aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-primary" />
                {point}
              </li>
            ))}
          </ul>
        </div>
        <span />
      </aside>
      <div className="flex flex-col">
        <header className="flex items-center justify-between p-4 lg:justify-end">
          <Wordmark className="lg:hidden" />
          <ThemeMenu />
        </header>
        <main id="content" className="mx-auto grid w-full max-w-sm flex-1 content-center gap-6 px-6 pb-24">
          {mustChoose ? <InvitationChoice /> : <Outlet />}
        </main>
      </div>
    </div>
  );
}

/** An invitation makes a new account: nobody is led past it because somebody else is signed in. */
function InvitationChoice() {
  const { signOut } = useAuth();
  const me = useMe();
  const t = texts.auth.invited;
  useTitle(t.title);
  return (
    <>
      <div className="grid gap-1">
        <h1 className="text-xl font-semibold tracking-tight">{t.title}</h1>
        <p className="text-[0.8125rem] text-muted-foreground">{t.body(me.data?.email)}</p>
      </div>
      <div className="grid gap-2">
        <Button onClick={() => void signOut()}>{t.signOut}</Button>
        <Button asChild variant="outline">
          <Link to={routes.home}>{t.stay}</Link>
        </Button>
      </div>
    </>
  );
}

/** Lanes that leave a ring: the mark, drawn large and quiet. */
function FlightPath() {
  return (
    <svg viewBox="0 0 400 160" fill="none" aria-hidden="true" className="w-full text-primary">
      <g stroke="currentColor" strokeWidth="1.5">
        {[20, 50, 80, 110, 140].map((y, index) => (
          <path
            key={y}
            d={`M0 ${y} H${110 + index * 22} C ${170 + index * 20} ${y}, ${180 + index * 14} 80, ${250 + index * 8} 80 H400`}
            opacity={0.18 + (2 - Math.abs(2 - index)) * 0.16}
          />
        ))}
      </g>
      {[
        [60, 20],
        [120, 50],
        [40, 80],
        [150, 110],
        [90, 140],
      ].map(([x, y]) => (
        <circle key={`${x}-${y}`} cx={x} cy={y} r="4" className="fill-sidebar stroke-primary" strokeWidth="2" />
      ))}
      <circle cx="330" cy="80" r="5" fill="currentColor" />
      <path
        d="m370 70 14 10-14 10"
        stroke="currentColor"
        strokeWidth="2.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
