// @vitest-environment jsdom
import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { createMemoryRouter, RouterProvider, useLocation } from "react-router";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ThemeProvider } from "@/components/providers/ThemeProvider";
import { TooltipProvider } from "@/components/ui/tooltip";
import { AuthProvider } from "@/context/AuthContext";
import { keepTokens } from "@/lib/auth-session";
import { createQueryClient } from "@/lib/query-client";
import { AuthLayout } from "./AuthLayout";
import { DashboardLayout } from "./DashboardLayout";
import { RequireSession, SessionGate } from "./fragments/SessionGate";

const TOKENS = { access_token: "a", token_type: "Bearer", expires_in: 600 };
const CONFIG = { onboarding_required: false, registration_allowed: true, version: "1.0.0" };

const server = setupServer();
beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  const no = () => undefined;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: no, removeEventListener: no }));
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function Where() {
  const { pathname, search } = useLocation();
  return <output>{`${pathname}${search}`}</output>;
}

/** The page as far as it is about who is signed in. */
function open(address: string) {
  const router = createMemoryRouter(
    [
      {
        Component: SessionGate,
        children: [
          {
            Component: AuthLayout,
            children: [
              { path: "/sign-in", element: <Where /> },
              { path: "/register", element: <Where /> },
            ],
          },
          {
            Component: RequireSession,
            children: [
              { path: "/", element: <p>Home</p> },
              { path: "/o/:orgId", Component: DashboardLayout },
            ],
          },
        ],
      },
    ],
    { initialEntries: [address] },
  );
  return render(
    <ThemeProvider>
      <QueryClientProvider client={createQueryClient()}>
        <AuthProvider>
          <TooltipProvider>
            <RouterProvider router={router} />
          </TooltipProvider>
        </AuthProvider>
      </QueryClientProvider>
    </ThemeProvider>,
  );
}

// First, as nobody knows yet whether there is a session: that is so once in the life of a page.
it("a server that does not answer at the start is said to be silent, and then the page goes on by itself", async () => {
  server.use(http.post("*/auth/refresh", () => HttpResponse.error()));
  open("/");
  expect(await screen.findByRole("alert")).toHaveTextContent("The server does not answer");
  expect(screen.getByRole("button", { name: "Try again" })).toBeEnabled();
  server.use(http.post("*/auth/refresh", () => HttpResponse.json(TOKENS)));
  expect(await screen.findByText("Home")).toBeInTheDocument();
  expect(screen.queryByRole("alert")).toBeNull();
});

it("a session that is renewed and yet refused leads to the sign-in, and from there back", async () => {
  let renewals = 0;
  const refused = { status: 401, code: "unauthorized", title: "Unauthorized", detail: "The account is locked." };
  server.use(
    http.get("*/common/me", () => HttpResponse.json(refused, { status: 401 })),
    http.get("*/common/config", () => HttpResponse.json(CONFIG)),
    http.post("*/auth/refresh", () => {
      renewals += 1;
      return HttpResponse.json(TOKENS);
    }),
  );
  keepTokens(TOKENS);
  open("/o/o1?tab=logs");
  expect(await screen.findByText("The account is locked.")).toBeInTheDocument();
  expect(renewals).toBe(1);
  await userEvent.click(screen.getByRole("button", { name: "Sign in again" }));
  expect(await screen.findByText("/sign-in?return_to=%2Fo%2Fo1%3Ftab%3Dlogs")).toBeInTheDocument();
});

describe("an invitation that is opened by somebody who is signed in", () => {
  function invited() {
    let ended = 0;
    server.use(
      http.get("*/common/me", () => HttpResponse.json({ uid: "u1", email: "ada@example.org", orgs: [] })),
      http.post("*/auth/logout", () => {
        ended += 1;
        return new HttpResponse(null, { status: 204 });
      }),
    );
    keepTokens(TOKENS);
    open("/register?invitation=abc");
    return () => ended;
  }

  it("asks whether to sign out, and then leads to the registration with its code", async () => {
    const ended = invited();
    expect(screen.getByRole("heading", { name: "You are invited" })).toBeInTheDocument();
    expect(await screen.findByText(/You are signed in as ada@example.org/)).toBeInTheDocument();
    expect(screen.queryByText("/register?invitation=abc")).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Sign out to accept" }));
    expect(await screen.findByText("/register?invitation=abc")).toBeInTheDocument();
    expect(ended()).toBe(1);
  });

  it("may be left for later", async () => {
    const ended = invited();
    await userEvent.click(screen.getByRole("link", { name: "Stay signed in" }));
    expect(await screen.findByText("Home")).toBeInTheDocument();
    expect(ended()).toBe(0);
  });
});
