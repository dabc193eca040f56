// @vitest-environment jsdom
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { delay, HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { useLocation } from "react-router";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { ThemeProvider } from "@/components/providers/ThemeProvider";
import { listOf, renderPart } from "@/testing/render";
import { CommandPalette } from "./CommandPalette";

/** Found only by a question of its own, as in a fleet of many. */
const builder = { uid: "r1", name: "builder", github_repo: "acme/web" };
const alpha = { uid: "r2", name: "alpha", github_repo: "acme/web" };

const server = setupServer(
  http.get("*/org/o1/runners", async ({ request }) => {
    const q = new URL(request.url).searchParams.get("q") ?? "";
    if (q !== "") await delay(100);
    return HttpResponse.json(listOf(q === "" ? [alpha] : builder.name.includes(q) ? [builder] : []));
  }),
  http.get("*/org/o1/*", () => HttpResponse.json(listOf([]))),
);
beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  const no = () => undefined;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: no, removeEventListener: no }));
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function Here() {
  return <output>{useLocation().pathname}</output>;
}

function open() {
  // What jsdom lacks.
  Element.prototype.scrollIntoView = () => undefined;
  renderPart(
    <ThemeProvider>
      <CommandPalette open onOpenChange={() => undefined} onShowShortcuts={() => undefined} />
      <Here />
    </ThemeProvider>,
  );
}

it("leads by Enter to the runner that was typed", async () => {
  open();
  await userEvent.type(screen.getByRole("combobox"), "buil");
  const option = await screen.findByRole("option", { name: /builder/ });
  await waitFor(() => expect(option).toHaveAttribute("aria-selected", "true"));
  await userEvent.keyboard("{Enter}");
  expect(screen.getByText("/o/o1/runners/r1")).toBeInTheDocument();
});

it("offers nothing of what was found before that does not fit, while the answer is on its way", async () => {
  open();
  await screen.findByRole("option", { name: /alpha/ });
  await userEvent.type(screen.getByRole("combobox"), "buil");
  expect(screen.queryByRole("option", { name: /alpha/ })).toBeNull();
  await screen.findByRole("option", { name: /builder/ });
});
