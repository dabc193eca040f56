import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { Button } from "@/components/ui/button";
import { ErrorState } from "@/components/utils/ErrorState";
import { useTitle } from "@/hooks/useTitle";
import { toProblem } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/common";

/** A new version was installed while the page was open: its old parts are no longer there. */
function isOldPage(error: unknown): boolean {
  return error instanceof TypeError && /dynamically imported module|module script/i.test(error.message);
}

/** When a page breaks, or its address leads nowhere. */
export function ErrorPage() {
  const error = useRouteError();
  useTitle(texts.errors.other);
  if (isRouteErrorResponse(error)) return <NotFoundPage />;
  const shown = isOldPage(error)
    ? { status: 500, detail: texts.errors.oldPage }
    : { status: 500, detail: `${texts.errors.pageBroke} ${toProblem(error).detail}` };
  return <ErrorState isPage error={shown} onRetry={() => window.location.reload()} />;
}

export function NotFoundPage() {
  useTitle(texts.errors.titles[404] ?? "");
  return (
    <ErrorState
      isPage
      error={{ status: 404, detail: texts.errors.noSuchPage }}
      action={
        <Button asChild variant="outline" size="sm">
          <Link to={routes.home}>{texts.errors.home}</Link>
        </Button>
      }
    />
  );
}
