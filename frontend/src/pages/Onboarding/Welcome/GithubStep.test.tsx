// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { CredentialView } from "@/lib/api/generated/types.gen";
import { listOf, refusal, renderPart } from "@/testing/render";
import { GithubStep } from "./GithubStep";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const SANDBOX = "http://127.0.0.1:8090";

function show(sandboxUrl: string | null, known: Partial<CredentialView>[] = []) {
  const added: unknown[] = [];
  server.use(
    http.get("*/org/o1/nodes", () => HttpResponse.json(listOf([]))),
    http.get("*/org/o1/credentials", () => HttpResponse.json(listOf(known))),
    http.post("*/org/o1/credentials", async ({ request }) => {
      added.push(await request.json());
      return HttpResponse.json({ uid: "c9" }, { status: 201 });
    }),
  );
  const go = vi.fn();
  renderPart(<GithubStep orgId="o1" sandboxUrl={sandboxUrl} go={go} />);
  return { go, added };
}

describe("the sandbox", () => {
  it("becomes a credential at its address", async () => {
    const { go, added } = show(SANDBOX, [{ uid: "c1", name: "sandbox", api_url: "https://api.github.com" }]);
    await userEvent.click(screen.getByRole("button", { name: "Use the sandbox" }));
    await expect.poll(() => go.mock.calls).toEqual([[{ credential: "c9", sandbox: "1" }]]);
    expect(added).toEqual([{ name: "sandbox-2", secret: "sandbox", api_url: SANDBOX, web_url: SANDBOX }]);
  });

  it("is taken as it is where it was used before", async () => {
    const { go, added } = show(SANDBOX, [{ uid: "c1", name: "play", api_url: `${SANDBOX}/` }]);
    await userEvent.click(screen.getByRole("button", { name: "Use the sandbox" }));
    await expect.poll(() => go.mock.calls).toEqual([[{ credential: "c1", sandbox: "1" }]]);
    expect(added).toEqual([]);
  });

  it("is not offered where there is none", async () => {
    show(null, [{ uid: "c1", name: "acme-bot", api_url: "https://api.github.com" }]);
    expect(await screen.findByRole("button", { name: "Use the credential acme-bot" })).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Use the sandbox" })).toBeNull();
  });
});

describe("a personal access token", () => {
  it("is sent once, and what the server says of it stands at its field", async () => {
    const { go, added } = show(null);
    const add = await screen.findByRole("button", { name: "Add credential" });
    await userEvent.click(add);
    expect(await screen.findByText("Must be filled in.")).toBeInTheDocument();
    expect(added).toEqual([]);

    server.use(
      http.post(
        "*/org/o1/credentials",
        () => HttpResponse.json(refusal([{ field: "secret", message: "is refused by GitHub" }]), { status: 422 }),
        { once: true },
      ),
    );
    const token = screen.getByLabelText("Personal access token");
    await userEvent.type(token, "ghp_wrong");
    await userEvent.click(add);
    expect(await screen.findByText("Is refused by GitHub.")).toBeInTheDocument();
    expect(token).toHaveAttribute("aria-invalid", "true");

    await userEvent.clear(token);
    await userEvent.type(token, "ghp_right");
    await userEvent.click(add);
    await expect.poll(() => go.mock.calls).toEqual([[{ credential: "c9", sandbox: null }]]);
    expect(added).toEqual([{ name: "github", secret: "ghp_right" }]);
  });
});

it("a registration token needs no credential", async () => {
  const { go, added } = show(SANDBOX);
  await userEvent.click(screen.getByRole("button", { name: "Go on without a credential" }));
  expect(go).toHaveBeenCalledWith({ credential: "none", sandbox: null });
  expect(added).toEqual([]);
});
