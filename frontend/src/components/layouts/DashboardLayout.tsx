import { Menu, Search } from "lucide-react";
import * as React from "react";
import { Link, Outlet, useLocation, useNavigate, useParams } from "react-router";
import { Mark, Wordmark } from "@/assets/Mark";
import { ConnectionDot } from "@/components/layouts/fragments/ConnectionDot";
import { OrgSwitcher } from "@/components/layouts/fragments/OrgSwitcher";
import { ShortcutSheet } from "@/components/layouts/fragments/ShortcutSheet";
import { SideNav } from "@/components/layouts/fragments/SideNav";
import { UserMenu } from "@/components/layouts/fragments/UserMenu";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { Sheet, SheetContent, SheetDescription, SheetTitle } from "@/components/ui/sheet";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { OfflineBanner } from "@/components/utils/OfflineBanner";
import { useAuth, useMe } from "@/context/AuthContext";
import { type CurrentOrg, currentOrg, OrgProvider } from "@/context/OrgContext";
import { useLiveUpdates } from "@/hooks/useLiveUpdates";
import { useShortcuts } from "@/hooks/useShortcuts";
import { useTitle } from "@/hooks/useTitle";
import { rememberOrg } from "@/lib/last-org";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";

const CommandPalette = React.lazy(async () => ({
  default: (await import("@/components/layouts/fragments/CommandPalette")).CommandPalette,
}));

/** Around every page of an organisation: who one is, where one is, and how fresh it is. */
export function DashboardLayout() {
  const { orgId = "" } = useParams();
  const me = useMe();
  const membership = me.data?.orgs.find((each) => each.uid === orgId);
  const org = React.useMemo(() => (membership ? currentOrg(membership) : null), [membership]);
  if (me.isError && !me.data) return <ErrorState error={me.error} onRetry={() => me.refetch()} />;
  if (!me.data) return <LayoutSkeleton />;
  if (!org) return <NotAMember />;
  return (
    <OrgProvider value={org}>
      <Frame key={org.orgId} org={org} />
    </OrgProvider>
  );
}

function Frame({ org }: { org: CurrentOrg }) {
  const { orgId } = org;
  const navigate = useNavigate();
  const [menuOpen, setMenuOpen] = React.useState(false);
  const [sheetOpen, setSheetOpen] = React.useState(false);
  const [palette, setPalette] = React.useState<"never" | "open" | "closed">("never");
  useLiveUpdates(orgId);
  useFocusOnNavigation();

  React.useEffect(() => rememberOrg(orgId), [orgId]);
  React.useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setPalette((now) => (now === "open" ? "closed" : "open"));
    }
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
  useShortcuts({
    "?": () => setSheetOpen(true),
    "/": () => document.querySelector<HTMLElement>("[data-search-field]")?.focus(),
    "g o": () => navigate(routes.overview(orgId)),
    "g r": () => navigate(routes.runners(orgId)),
    "g i": () => navigate(routes.instances(orgId)),
    "g n": () => navigate(routes.nodes(orgId)),
    "g c": () => navigate(routes.credentials(orgId)),
    "g m": () => navigate(routes.members(orgId)),
  });

  return (
    <div className="grid min-h-dvh lg:grid-cols-[15rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only-focusable fixed top-2 left-2 z-50 rounded-md bg-primary px-3 py-2 text-primary-foreground"
      >
        {texts.skip}
      </a>
      <aside className="sticky top-0 hidden h-dvh grid-rows-[auto_auto_1fr] border-r border-border bg-sidebar lg:grid">
        <Link to={routes.overview(orgId)} className="mx-3 mt-3 flex h-9 items-center rounded-md px-2">
          <Wordmark />
        </Link>
        <div className="px-3 py-2">
          <OrgSwitcher />
        </div>
        <SideNav />
      </aside>
      <div className="flex min-w-0 flex-col">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b border-border bg-background/92 px-3 backdrop-blur-sm sm:px-5 lg:px-7">
          <Button
            variant="ghost"
            size="icon"
            aria-label={texts.menu}
            className="lg:hidden"
            onClick={() => setMenuOpen(true)}
          >
            <Menu />
          </Button>
          <Mark className="size-5 lg:hidden" />
          <button
            type="button"
            onClick={() => setPalette("open")}
            aria-label={texts.palette.open}
            className="flex h-8 items-center gap-2 rounded-md border border-input/60 bg-surface px-2.5 text-[0.8125rem] text-muted-foreground hover:border-input max-sm:ml-auto max-sm:border-0 max-sm:bg-transparent sm:w-72"
          >
            <Search aria-hidden="true" className="size-4" />
            <span className="max-sm:hidden">{texts.palette.open}</span>
            <span className="ml-auto flex gap-1 max-sm:hidden">
              <Kbd>Ctrl</Kbd>
              <Kbd>K</Kbd>
            </span>
          </button>
          <div className="flex items-center gap-1 sm:ml-auto">
            <ConnectionDot />
            <UserMenu profile={routes.profile(orgId)} />
          </div>
        </header>
        <OfflineBanner />
        <main
          id="content"
          tabIndex={-1}
          className="mx-auto w-full max-w-[88rem] flex-1 px-3 py-5 outline-none sm:px-5 lg:px-7"
        >
          <React.Suspense fallback={<PageSkeleton />}>
            <Outlet />
          </React.Suspense>
        </main>
      </div>
      <Sheet open={menuOpen} onOpenChange={setMenuOpen}>
        <SheetContent side="left" className="bg-sidebar">
          <SheetTitle className="flex h-14 items-center px-5">
            <Wordmark />
          </SheetTitle>
          <SheetDescription className="sr-only">{texts.navigation}</SheetDescription>
          <div className="px-3 pb-2">
            <OrgSwitcher />
          </div>
          <SideNav onNavigate={() => setMenuOpen(false)} />
        </SheetContent>
      </Sheet>
      <ShortcutSheet open={sheetOpen} onOpenChange={setSheetOpen} />
      {palette === "never" ? null : (
        <React.Suspense fallback={null}>
          <CommandPalette
            open={palette === "open"}
            onOpenChange={(open) => setPalette(open ? "open" : "closed")}
            onShowShortcuts={() => setSheetOpen(true)}
          />
        </React.Suspense>
      )}
    </div>
  );
}

/** A new page is announced and starts at its beginning, as if it had been loaded. */
function useFocusOnNavigation(): void {
  const { pathname } = useLocation();
  const first = React.useRef(pathname);
  React.useEffect(() => {
    if (first.current === pathname) return;
    first.current = "";
    document.getElementById("content")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
}

function NotAMember() {
  useTitle(texts.notAMember.title);
  const { signOut } = useAuth();
  return (
    <main className="grid min-h-dvh content-center">
      <ErrorState
        isPage
        error={{ status: 404, detail: texts.notAMember.detail }}
        action={
          <>
            <Button asChild variant="outline" size="sm">
              <Link to={routes.home}>{texts.notAMember.home}</Link>
            </Button>
            <Button variant="outline" size="sm" onClick={() => void signOut()}>
              {texts.user.signOut}
            </Button>
          </>
        }
      />
    </main>
  );
}

export function PageSkeleton() {
  return (
    <div aria-busy="true" className="grid gap-4">
      <Skeleton className="h-7 w-48" />
      <Skeleton className="h-64 w-full" />
    </div>
  );
}

function LayoutSkeleton() {
  return (
    <div aria-busy="true" className="grid min-h-dvh lg:grid-cols-[15rem_minmax(0,1fr)]">
      <div className="hidden border-r border-border bg-sidebar lg:block" />
      <div className="p-7">
        <PageSkeleton />
      </div>
    </div>
  );
}
