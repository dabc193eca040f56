// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { Toaster } from "sonner";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { CurrentOrg } from "@/context/OrgContext";
import { orgOf, renderPart } from "@/testing/render";
import { SettingsPage } from ".";

const server = setupServer();
beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  const no = () => undefined;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: no, removeEventListener: no }));
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function show(org: CurrentOrg) {
  let stored = {
    uid: "o1",
    name: "Acme",
    org_type: "organization",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "1",
  };
  const sent: unknown[] = [];
  server.use(
    http.get("*/common/config", () => HttpResponse.json({ version: "1.2.3" })),
    http.get("*/org/o1", () => HttpResponse.json(stored)),
    http.put("*/org/o1", async ({ request }) => {
      const body = (await request.json()) as Partial<typeof stored>;
      sent.push(body);
      stored = { ...stored, ...body, updated_at: "2" };
      return HttpResponse.json(stored);
    }),
  );
  renderPart(
    <>
      <SettingsPage />
      <Toaster />
    </>,
    { org },
  );
  return sent;
}

it("renames the organisation", async () => {
  const sent = show(orgOf("admin"));
  const name = await screen.findByLabelText("Name");
  expect(name).toHaveValue("Acme");
  expect(await screen.findByText("1.2.3")).toBeInTheDocument();
  await userEvent.clear(name);
  await userEvent.click(screen.getByRole("button", { name: "Save changes" }));
  expect(await screen.findByText("Must be filled in.")).toBeInTheDocument();
  expect(sent).toEqual([]);
  await userEvent.type(name, " Acme Labs ");
  await userEvent.selectOptions(screen.getByLabelText("Kind"), "Personal");
  await userEvent.click(screen.getByRole("button", { name: "Save changes" }));
  expect(await screen.findByText("The settings were saved.")).toBeInTheDocument();
  expect(sent).toEqual([{ name: "Acme Labs", org_type: "personal" }]);
  // What the server holds now is what stands in the field.
  await expect.poll(() => screen.getByLabelText("Name")).toHaveValue("Acme Labs");
});

it("says to everybody else that only an admin may", async () => {
  show(orgOf("member"));
  expect(await screen.findByLabelText("Name")).toHaveAttribute("readonly");
  expect(screen.getByLabelText("Kind")).toBeDisabled();
  expect(screen.getByText("Only an admin of this organisation may do this.")).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Save changes" })).toBeDisabled();
});
