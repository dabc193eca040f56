// @vitest-environment jsdom
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CurrentOrg } from "@/context/OrgContext";
import type { CredentialView } from "@/lib/api/generated/types.gen";
import { orgOf, renderPart } from "@/testing/render";
import { SampleJob } from "./SampleJob";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const SANDBOX = "http://127.0.0.1:9100";

function show(api_url: string, org: CurrentOrg = orgOf("admin")) {
  const sent: string[] = [];
  let asked = 0;
  server.use(
    http.get("*/common/config", () => {
      asked += 1;
      return HttpResponse.json({ sandbox_github_url: SANDBOX });
    }),
    http.post("*/org/o1/runners/:runner/sample-job", ({ params }) => {
      sent.push(String(params.runner));
      return HttpResponse.json({ job_id: 1 }, { status: 201 });
    }),
  );
  renderPart(<SampleJob runnerId="r1" credential={{ uid: "c1", api_url } as CredentialView} gone={null} />, { org });
  return { sent, asked: () => asked };
}

describe("a sample job", () => {
  it("is offered to a runner of the sandbox, as often as somebody likes", async () => {
    const { sent } = show(`${SANDBOX}/`);
    const run = await screen.findByRole("button", { name: "Run a sample job" });
    await userEvent.click(run);
    await waitFor(() => expect(sent).toEqual(["r1"]));
    await userEvent.click(run);
    await waitFor(() => expect(sent).toEqual(["r1", "r1"]));
  });

  it("is nothing for a runner of the real GitHub", async () => {
    const { asked } = show("https://api.github.com");
    await waitFor(() => expect(asked()).toBe(1));
    expect(screen.queryByRole("button")).toBeNull();
  });

  it("needs the permission that an instance needs", async () => {
    const { sent } = show(SANDBOX, orgOf("member"));
    const run = await screen.findByRole("button", { name: "Run a sample job" });
    expect(run).toHaveAttribute("aria-disabled", "true");
    await userEvent.click(run);
    expect(sent).toEqual([]);
  });
});
