// @vitest-environment jsdom
import { fireEvent, screen, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { keepTokens } from "@/lib/auth-session";
import { FORMS, type Form, type Place } from "./forms";
import { refusal } from "./render";

const server = setupServer(
  http.get("*/common/config", () =>
    HttpResponse.json({ onboarding_required: false, registration_allowed: true, version: "1.0.0" }),
  ),
  http.get("*/common/permissions", () => HttpResponse.json([{ name: "create_node", description: "Add nodes" }])),
  http.get("*/common/me", () =>
    HttpResponse.json({ uid: "u1", full_name: "Ada", email: "ada@example.org", orgs: [], updated_at: "2026" }),
  ),
  http.get("*/org/o1", () =>
    HttpResponse.json({ uid: "o1", name: "Acme", org_type: "organization", updated_at: "2026", created_at: "2026" }),
  ),
);
beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  const no = () => undefined;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: no, removeEventListener: no }));
});
beforeEach(() => keepTokens({ access_token: "a", expires_in: 600 }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const buttonOf = (form: Form) => screen.findByText(form.submit, { selector: "button" });

/** Sends the form to a server that answers so. */
async function send(form: Form, answer: { status: number }): Promise<void> {
  const [method, path] = form.request;
  server.use(http[method](path, () => HttpResponse.json(answer, { status: answer.status })));
  fireEvent.click(await buttonOf(form));
}

/** Shows it filled in. */
async function show(form: Form): Promise<HTMLElement> {
  form.show();
  const frame = (await buttonOf(form)).closest("form");
  if (!frame) throw new Error("the button belongs to no form");
  for (const [label, value] of Object.entries(form.fill ?? {})) {
    fireEvent.change(within(frame).getByLabelText(startingWith(label)), { target: { value } });
  }
  return frame;
}

/** Behind a label may stand that its field is optional. */
const startingWith = (label: string) => new RegExp(`^${label.replace(/[()]/g, "\\$&")}`);

function expectAt(frame: HTMLElement, field: string, place: Place): void {
  const message = `Is bad (${field}).`;
  if (place === "above") {
    expect(within(frame).getByText((text) => text.includes(`${field}: ${message}`))).toBeInTheDocument();
    return;
  }
  if ("at" in place) {
    const control = within(frame).getByLabelText(startingWith(place.at));
    expect(control).toHaveAttribute("aria-invalid", "true");
    expect(control).toHaveAccessibleDescription(expect.stringContaining(message));
    return;
  }
  expect(within(frame).getByText(message).parentElement).toHaveTextContent(place.with);
}

describe("what the server refuses", () => {
  it.each(FORMS)("of $name stands at its field, or above the buttons where it is about none", async (form) => {
    const frame = await show(form);
    const errors = Object.keys(form.fields).map((field) => ({ field, message: `is bad (${field})` }));
    await send(form, refusal(errors));
    await within(frame).findAllByText(/Is bad/);
    for (const [field, place] of Object.entries(form.fields)) expectAt(frame, field, place);

    await send(form, { ...refusal([]), status: 409, detail: "Somebody was quicker." } as never);
    expect(await within(frame).findByText("Somebody was quicker.")).toBeInTheDocument();
    expect(within(frame).queryByText(/Is bad/)).toBeNull();
    expect(await buttonOf(form)).toBeEnabled();
  });
});
