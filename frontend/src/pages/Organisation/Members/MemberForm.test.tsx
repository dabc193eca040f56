// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { MemberView } from "@/lib/api/generated/types.gen";
import { renderPart } from "@/testing/render";
import { MemberForm } from "./MemberForm";

const CATALOGUE = [
  { name: "create_runner", description: "Create runners" },
  { name: "delete_runner", description: "Delete runners" },
];

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const GRACE = { user_id: "u2", email: "grace@example.org", role: "member", permissions: { delete_runner: true } };

function show(member?: Partial<MemberView>) {
  server.use(http.get("*/common/permissions", () => HttpResponse.json(CATALOGUE)));
  const onSubmit = vi.fn((_values: unknown) => Promise.resolve());
  renderPart(
    <MemberForm {...(member ? { member: member as MemberView } : {})} onSubmit={onSubmit} onCancel={() => undefined} />,
  );
  return onSubmit;
}

const grant = (name: string) => screen.findByRole("checkbox", { name: new RegExp(name) });
const press = (name: string) => userEvent.click(screen.getByRole("button", { name }));

describe("what a member may do", () => {
  it("is granted and taken away one by one", async () => {
    const onSubmit = show(GRACE as Partial<MemberView>);
    expect(await grant("Delete runners")).toBeChecked();
    expect(await grant("Create runners")).not.toBeChecked();
    await userEvent.click(await grant("Create runners"));
    await userEvent.click(await grant("Delete runners"));
    await press("Save changes");
    await expect
      .poll(() => onSubmit.mock.calls)
      .toEqual([[{ email: GRACE.email, role: "member", permissions: { create_runner: true, delete_runner: false } }]]);
  });

  it("is everything for an admin, without grants that would only look as if they mattered", async () => {
    const onSubmit = show(GRACE as Partial<MemberView>);
    await userEvent.click(await grant("Create runners"));
    await userEvent.click(screen.getByRole("radio", { name: /Admin/ }));
    expect(screen.queryByRole("checkbox")).toBeNull();
    await press("Save changes");
    await expect.poll(() => onSubmit.mock.calls).toEqual([[{ email: GRACE.email, role: "admin", permissions: {} }]]);
  });

  it("is asked with the address of somebody new", async () => {
    const onSubmit = show();
    await press("Add member");
    expect(await screen.findByText("Must be filled in.")).toBeInTheDocument();
    expect(onSubmit).not.toHaveBeenCalled();
    await userEvent.type(screen.getByLabelText("E-mail address"), " grace@example.org ");
    await userEvent.click(await grant("Create runners"));
    await press("Add member");
    await expect
      .poll(() => onSubmit.mock.calls)
      .toEqual([[{ email: "grace@example.org", role: "member", permissions: { create_runner: true } }]]);
  });

  it("can be asked for again where the catalogue could not be had", async () => {
    show(GRACE as Partial<MemberView>);
    server.use(
      http.get("*/common/permissions", () => HttpResponse.json({ status: 404, detail: "None." }, { status: 404 }), {
        once: true,
      }),
    );
    expect(await screen.findByText("None.")).toBeInTheDocument();
    await press("Try again");
    expect(await grant("Delete runners")).toBeChecked();
  });
});
