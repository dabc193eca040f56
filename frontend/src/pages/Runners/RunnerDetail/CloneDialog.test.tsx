// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { useLocation } from "react-router";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { RunnerView } from "@/lib/api/generated/types.gen";
import { renderPart } from "@/testing/render";
import { CloneDialog } from "./CloneDialog";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const Where = () => <output>{useLocation().pathname}</output>;

function show(name: string) {
  const sent: unknown[] = [];
  server.use(
    http.post("*/org/o1/runners/r1/clone", async ({ request }) => {
      sent.push(await request.json());
      return HttpResponse.json({ uid: "r2" }, { status: 201 });
    }),
  );
  const onClose = vi.fn();
  renderPart(
    <>
      <Where />
      <CloneDialog runner={{ uid: "r1", name } as RunnerView} open onClose={onClose} />
    </>,
  );
  return { sent, onClose };
}

it("makes a copy under the name that is wanted, and leads to it", async () => {
  const { sent, onClose } = show("builder");
  const name = screen.getByLabelText("Name");
  expect(name).toHaveValue("builder-copy");
  await userEvent.clear(name);
  await userEvent.click(screen.getByRole("button", { name: "Clone" }));
  expect(await screen.findByText("Must be filled in.")).toBeInTheDocument();
  await userEvent.type(name, "builder-2");
  await userEvent.click(screen.getByRole("button", { name: "Clone" }));
  expect(await screen.findByText("/o/o1/runners/r2")).toBeInTheDocument();
  expect(sent).toEqual([{ name: "builder-2" }]);
  expect(onClose).toHaveBeenCalledOnce();
});

it("proposes a name that is no longer than it may be", () => {
  show("b".repeat(64));
  const name = screen.getByLabelText<HTMLInputElement>("Name");
  expect(name.value).toMatch(/^b+-copy$/);
  expect(name.value).toHaveLength(64);
});
