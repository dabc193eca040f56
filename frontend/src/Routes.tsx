import { createBrowserRouter, type RouteObject } from "react-router";
import { AuthLayout } from "@/components/layouts/AuthLayout";
import { BareLayout } from "@/components/layouts/BareLayout";
import { CanvasLayout } from "@/components/layouts/CanvasLayout";
import { DashboardLayout, PageSkeleton } from "@/components/layouts/DashboardLayout";
import { Home, RequireSession, SessionGate } from "@/components/layouts/fragments/SessionGate";
import { ErrorPage, NotFoundPage } from "@/pages/ErrorPage";

/** The only place that knows all pages. Each is loaded when it is first opened. */
const organisationPages: RouteObject[] = [
  { index: true, lazy: async () => ({ Component: (await import("@/pages/Overview/Overview")).OverviewPage }) },
  { path: "runners", lazy: async () => ({ Component: (await import("@/pages/Runners/RunnerList")).RunnerListPage }) },
  {
    path: "runners/:runnerId",
    lazy: async () => ({ Component: (await import("@/pages/Runners/RunnerDetail")).RunnerDetailPage }),
  },
  {
    path: "runners/:runnerId/instances/:instanceId",
    lazy: async () => ({ Component: (await import("@/pages/Instances/InstanceDetail")).InstanceDetailPage }),
  },
  {
    path: "instances",
    // What it shows after a change of its filters it asks for itself.
    shouldRevalidate: () => false,
    lazy: async () => {
      const page = await import("@/pages/Instances/InstanceList");
      return { Component: page.InstanceListPage, loader: page.loadInstanceList };
    },
  },
  { path: "nodes", lazy: async () => ({ Component: (await import("@/pages/Nodes/NodeList")).NodeListPage }) },
  {
    path: "credentials",
    lazy: async () => ({ Component: (await import("@/pages/Credentials/CredentialList")).CredentialListPage }),
  },
  { path: "members", lazy: async () => ({ Component: (await import("@/pages/Organisation/Members")).MembersPage }) },
  { path: "audit", lazy: async () => ({ Component: (await import("@/pages/Organisation/Audit")).AuditPage }) },
  { path: "settings", lazy: async () => ({ Component: (await import("@/pages/Organisation/Settings")).SettingsPage }) },
  { path: "profile", lazy: async () => ({ Component: (await import("@/pages/Account/Profile")).ProfilePage }) },
  { path: "*", Component: NotFoundPage },
];

export const router = createBrowserRouter([
  {
    Component: SessionGate,
    ErrorBoundary: ErrorPage,
    HydrateFallback: PageSkeleton,
    children: [
      {
        Component: AuthLayout,
        children: [
          { path: "sign-in", lazy: async () => ({ Component: (await import("@/pages/Account/SignIn")).SignInPage }) },
          {
            path: "register",
            lazy: async () => ({ Component: (await import("@/pages/Account/Register")).RegisterPage }),
          },
        ],
      },
      {
        Component: CanvasLayout,
        children: [
          {
            path: "welcome",
            lazy: async () => ({ Component: (await import("@/pages/Onboarding/Welcome")).WelcomePage }),
          },
        ],
      },
      {
        Component: RequireSession,
        children: [
          { index: true, Component: Home },
          {
            Component: CanvasLayout,
            children: [
              {
                path: "profile",
                lazy: async () => ({ Component: (await import("@/pages/Account/Profile")).ProfilePage }),
              },
            ],
          },
          {
            path: "o/:orgId",
            Component: DashboardLayout,
            // A page that breaks leaves the navigation standing.
            children: [{ ErrorBoundary: ErrorPage, children: organisationPages }],
          },
        ],
      },
      { Component: BareLayout, children: [{ path: "*", Component: NotFoundPage }] },
    ],
  },
]);
