// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { RunnerCreateWritable } from "@/lib/api/generated/types.gen";
import { listOf, renderPart } from "@/testing/render";
import { RunnerStep } from "./RunnerStep";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function show(credentialId: string, isSandbox: boolean) {
  const created: RunnerCreateWritable[] = [];
  server.use(
    http.get("*/org/o1/nodes", () => HttpResponse.json(listOf([{ uid: "n1", name: "rack-1" }]))),
    http.get("*/org/o1/credentials", () => HttpResponse.json(listOf([{ uid: "c1", name: "sandbox" }]))),
    http.post("*/org/o1/runners", async ({ request }) => {
      created.push((await request.json()) as RunnerCreateWritable);
      return HttpResponse.json({ uid: "r9" }, { status: 201 });
    }),
  );
  const go = vi.fn();
  renderPart(<RunnerStep orgId="o1" credentialId={credentialId} isSandbox={isSandbox} go={go} />);
  return { go, created };
}

it("proposes for the sandbox what works there at once", async () => {
  const { go, created } = show("c1", true);
  await userEvent.click(await screen.findByRole("button", { name: "Create runner" }));
  await expect.poll(() => go.mock.calls).toEqual([[{ runner: "r9" }]]);
  expect(created).toMatchObject([
    {
      name: "builder",
      github_repo: "acme/web",
      credential_id: "c1",
      docker_image: "runner-pilot/sim-runner:latest",
      labels: ["linux"],
      ephemeral: false,
      resources: { network: "host" },
    },
  ]);
});

it("proposes nothing elsewhere, and one job per instance", async () => {
  const { created } = show("c1", false);
  await userEvent.click(await screen.findByRole("button", { name: "Create runner" }));
  expect(await screen.findAllByText("Must be filled in.")).toHaveLength(2);
  await userEvent.type(screen.getByLabelText("Name"), "builder");
  await userEvent.type(screen.getByLabelText("Repository"), "acme/web");
  await userEvent.click(screen.getByRole("button", { name: "Create runner" }));
  await expect.poll(() => created).toHaveLength(1);
  expect(created[0]).toMatchObject({ ephemeral: true, credential_id: "c1", resources: { network: "bridge" } });
});

it("asks for the registration token where there is no credential", async () => {
  const { go, created } = show("none", false);
  expect(await screen.findByRole("radio", { name: /With a registration token/ })).toBeChecked();
  await userEvent.type(screen.getByLabelText("Name"), "by-token");
  await userEvent.type(screen.getByLabelText("Repository"), "acme/web");
  await userEvent.click(screen.getByRole("button", { name: "Create runner" }));
  expect(await screen.findByText("Must be filled in.")).toBeInTheDocument();
  await userEvent.type(screen.getByLabelText("Registration token"), "ATOKEN");
  await userEvent.click(screen.getByRole("button", { name: "Create runner" }));
  await expect.poll(() => go.mock.calls).toEqual([[{ runner: "r9" }]]);
  expect(created[0]).toMatchObject({ github_runner_token: "ATOKEN" });
  expect(created[0]).not.toHaveProperty("credential_id");
});
