import { Link, Outlet } from "react-router";
import { Wordmark } from "@/assets/Mark";
import { ThemeMenu } from "@/components/layouts/fragments/ThemeMenu";
import { UserMenu } from "@/components/layouts/fragments/UserMenu";
import { useAuth } from "@/context/AuthContext";
import { routes } from "@/lib/routes";

/** A plain sheet for one task at a time, such as the onboarding. */
export function CanvasLayout() {
  const { session } = useAuth();
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex items-center justify-between border-b border-border bg-sidebar px-4 py-3 sm:px-6">
        {session === "signed-in" ? (
          <>
            <Link to={routes.home} className="flex rounded-md">
              <Wordmark />
            </Link>
            <UserMenu profile={routes.ownProfile} />
          </>
        ) : (
          <>
            <Wordmark />
            <ThemeMenu />
          </>
        )}
      </header>
      <main id="content" className="mx-auto w-full max-w-5xl flex-1 px-4 py-8 sm:px-6">
        <Outlet />
      </main>
    </div>
  );
}
