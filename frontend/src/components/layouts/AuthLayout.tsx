import { Check } from "lucide-react";
import { Navigate, Outlet, useSearchParams } from "react-router";
import { Wordmark } from "@/assets/Mark";
import { ThemeMenu } from "@/components/layouts/fragments/ThemeMenu";
import { useAuth } from "@/context/AuthContext";
import { returnTo } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";

/** Around sign-in and registration. Who is signed in goes on to where they wanted to be. */
export function AuthLayout() {
  const { session } = useAuth();
  const [params] = useSearchParams();
  if (session === "signed-in") return <Navigate to={returnTo(params)} replace />;
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
          <Outlet />
        </main>
      </div>
    </div>
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
