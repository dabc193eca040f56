// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { sessionStore } from "@/lib/auth-session";
import { refusal, renderPart } from "@/testing/render";
import { OrganisationStep } from "./OrganisationStep";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function show(props: { hasAccount: boolean; hasOrgs: boolean }) {
  const sent: [string, unknown][] = [];
  const take = (path: string, answer: object) =>
    http.post(`*${path}`, async ({ request }) => {
      sent.push([path, await request.json()]);
      return HttpResponse.json(answer, { status: 201 });
    });
  server.use(
    take("/onboarding", { org: { uid: "o9" }, access_token: "a", token_type: "Bearer", expires_in: 600 }),
    take("/org", { uid: "o9" }),
  );
  const go = vi.fn();
  renderPart(<OrganisationStep {...props} go={go} />);
  return { go, sent };
}

const create = () => userEvent.click(screen.getByRole("button", { name: "Create organisation" }));
const type = (label: string, text: string) => userEvent.type(screen.getByLabelText(label), text);

it("makes the first account and its organisation, and signs in", async () => {
  const { go, sent } = show({ hasAccount: false, hasOrgs: false });
  await create();
  expect(await screen.findAllByText("Must be filled in.")).toHaveLength(4);
  await type("Full name", "Ada Lovelace");
  await type("E-mail address", "ada@example.org");
  await type("Password", "short");
  await type("Organisation", "Acme");
  server.use(
    http.post(
      "*/onboarding",
      () =>
        HttpResponse.json(refusal([{ field: "password", message: "must have at least 8 characters" }]), {
          status: 422,
        }),
      { once: true },
    ),
  );
  await create();
  expect(await screen.findByText("Must have at least 8 characters.")).toBeInTheDocument();
  expect(screen.getByLabelText("Password")).toHaveAttribute("aria-invalid", "true");
  expect(sessionStore.get()).not.toBe("signed-in");

  await type("Password", " but long enough");
  await create();
  await expect.poll(() => go.mock.calls).toEqual([[{ org: "o9" }]]);
  expect(sent).toEqual([
    [
      "/onboarding",
      { full_name: "Ada Lovelace", email: "ada@example.org", password: "short but long enough", org_name: "Acme" },
    ],
  ]);
  expect(sessionStore.get()).toBe("signed-in");
});

it("asks who has an account for the organisation only", async () => {
  const { go, sent } = show({ hasAccount: true, hasOrgs: false });
  expect(screen.queryByLabelText("Password")).toBeNull();
  await type("Organisation", "Acme");
  await create();
  await expect.poll(() => go.mock.calls).toEqual([[{ org: "o9" }]]);
  expect(sent).toEqual([["/onboarding", { org_name: "Acme" }]]);
});

it("makes another organisation, and says at its field when the name is taken", async () => {
  const { go, sent } = show({ hasAccount: true, hasOrgs: true });
  server.use(
    http.post(
      "*/org",
      () => HttpResponse.json(refusal([{ field: "name", message: "is already taken" }]), { status: 422 }),
      { once: true },
    ),
  );
  await type("Organisation", "Acme");
  await create();
  expect(await screen.findByText("Is already taken.")).toBeInTheDocument();
  expect(screen.getByLabelText("Organisation")).toHaveAttribute("aria-invalid", "true");
  await type("Organisation", " 2");
  await create();
  await expect.poll(() => go.mock.calls).toEqual([[{ org: "o9" }]]);
  expect(sent).toEqual([["/org", { name: "Acme 2" }]]);
});

it("can be left by whoever has an organisation already", () => {
  show({ hasAccount: true, hasOrgs: true });
  expect(screen.getByRole("button", { name: "Cancel" })).toBeEnabled();
});

it("leaves no other way to who has none", () => {
  show({ hasAccount: true, hasOrgs: false });
  expect(screen.queryByRole("button", { name: "Cancel" })).toBeNull();
});
