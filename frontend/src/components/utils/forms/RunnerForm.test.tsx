// @vitest-environment jsdom
import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import type { CredentialView, NodeView } from "@/lib/api/generated/types.gen";
import { SANDBOX_IMAGE } from "@/lib/sandbox";
import { RunnerForm } from "./RunnerForm";

const credential = { uid: "c1", name: "github" } as CredentialView;
const node = { uid: "n1", name: "rack-7" } as NodeView;

function refuse(errors: { field: string; message: string }[], size: "small" | "custom" = "small") {
  render(
    <TooltipProvider>
      <RunnerForm
        credentials={[credential]}
        nodes={[node]}
        preset={{ name: "builder", github_repo: "acme/web", size }}
        hostNetworkReason={null}
        submit="Create runner"
        onSubmit={() => Promise.reject({ status: 422, detail: "See errors.", errors })}
      />
    </TooltipProvider>,
  );
  fireEvent.click(screen.getByText("Create runner"));
}

it("minds the figures of a custom size only while it is chosen", async () => {
  const onSubmit = vi.fn(() => Promise.resolve());
  render(
    <TooltipProvider>
      <RunnerForm
        credentials={[credential]}
        nodes={[node]}
        preset={{ name: "builder", github_repo: "acme/web", size: "custom" }}
        hostNetworkReason={null}
        submit="Create runner"
        onSubmit={onSubmit}
      />
    </TooltipProvider>,
  );
  await userEvent.clear(screen.getByLabelText("Memory (MiB)"));
  await userEvent.click(screen.getByText("Create runner"));
  expect(await screen.findByText("Must be a whole number from 64 to 1,048,576.")).toBeVisible();
  expect(onSubmit).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("radio", { name: /Small/ }));
  await userEvent.click(screen.getByText("Create runner"));
  await expect.poll(() => onSubmit.mock.calls).toHaveLength(1);
});

describe("a new runner for the sandbox", () => {
  const sandboxUrl = "http://127.0.0.1:9100";
  const sandbox = { uid: "c2", name: "practice", api_url: `${sandboxUrl}/` } as CredentialView;
  const real = { uid: "c1", name: "github", api_url: "https://api.github.com" } as CredentialView;

  function open(credentials: CredentialView[], hostNetworkReason: string | null = null) {
    const onSubmit = vi.fn((_: unknown) => Promise.resolve());
    render(
      <TooltipProvider>
        <RunnerForm
          credentials={credentials}
          nodes={[node]}
          preset={{ name: "builder", github_repo: "acme/web" }}
          hostNetworkReason={hostNetworkReason}
          sandboxUrl={sandboxUrl}
          noCredential="None yet."
          submit="Create runner"
          onSubmit={onSubmit}
        />
      </TooltipProvider>,
    );
    return onSubmit;
  }

  it("gets the image and the network that work with it as soon as its credential is chosen", async () => {
    const onSubmit = open([real, sandbox]);
    await userEvent.selectOptions(screen.getByLabelText("Credential"), "practice");
    expect(screen.getByLabelText(/^Image/)).toHaveValue(SANDBOX_IMAGE);
    await userEvent.click(screen.getByText("Create runner"));
    await expect.poll(() => onSubmit.mock.calls).toHaveLength(1);
    expect(onSubmit.mock.calls[0]?.[0]).toMatchObject({
      credential_id: "c2",
      docker_image: SANDBOX_IMAGE,
      resources: { network: "host" },
    });
  });

  it("has them from the start where there is no other credential", () => {
    open([sandbox]);
    expect(screen.getByLabelText(/^Image/)).toHaveValue(SANDBOX_IMAGE);
    expect(screen.getByLabelText("Credential")).toHaveAccessibleDescription(/own network/);
  });

  it("loses them with another choice, but never what somebody typed", async () => {
    const onSubmit = open([real, sandbox]);
    await userEvent.selectOptions(screen.getByLabelText("Credential"), "practice");
    await userEvent.selectOptions(screen.getByLabelText("Credential"), "github");
    expect(screen.getByLabelText(/^Image/)).toHaveValue("");
    await userEvent.type(screen.getByLabelText(/^Image/), "acme/runner:1");
    await userEvent.selectOptions(screen.getByLabelText("Credential"), "practice");
    await userEvent.click(screen.getByRole("radio", { name: /registration token/ }));
    expect(screen.getByLabelText(/^Image/)).toHaveValue("acme/runner:1");
    expect(onSubmit).not.toHaveBeenCalled();
  });

  it("leaves the network to an admin", async () => {
    const onSubmit = open([sandbox], "Only an admin may set it.");
    await userEvent.click(screen.getByText("Create runner"));
    await expect.poll(() => onSubmit.mock.calls).toHaveLength(1);
    expect(onSubmit.mock.calls[0]?.[0]).toMatchObject({ resources: { network: "bridge" } });
  });

  it("says where a credential comes from when there is none", () => {
    open([]);
    expect(screen.getByLabelText("Credential")).toHaveAccessibleDescription("None yet.");
  });
});

describe("what the server refuses of a runner", () => {
  it.each([
    ["name", "Name", "Is bad."],
    ["labels[1]", /Labels/, "No. 2: Is bad."],
    ["resources.cpus", "CPUs", "Is bad."],
    ["docker_image", /Image/, "Is bad."],
    ["max_instances", "Most instances", "Is bad."],
  ])("%s stands at its field", async (field, label, message) => {
    refuse([{ field, message: "is bad" }], "custom");
    expect(await screen.findByText(message)).toBeVisible();
    expect(screen.getByLabelText(label)).toHaveAccessibleDescription(new RegExp(message));
  });

  it.each([
    ["node_selection.node_ids[0]", "No. 1: Is bad."],
    ["node_selection.node_ids", "Is bad."],
    ["resources.network", "Is bad."],
    ["ephemeral", "Is bad."],
  ])("%s stands with its choices", async (field, message) => {
    refuse([{ field, message: "is bad" }]);
    expect(await screen.findByText(message)).toBeVisible();
  });

  it.each([
    ["resources.cpus", "resources.cpus: Is bad."],
    ["github_runner_token", "github_runner_token: Is bad."],
    ["runner_group_id", "runner_group_id: Is bad."],
    ["", "Is bad."],
  ])("%j stands above the buttons while no field of that name is there", async (field, message) => {
    refuse([{ field, message: "is bad" }]);
    expect(await screen.findByText(message)).toBeVisible();
  });

  it("loses none of several messages", async () => {
    refuse([
      { field: "labels[0]", message: "is empty" },
      { field: "labels[3]", message: "is too long" },
    ]);
    expect(await screen.findByText("No. 1: Is empty. No. 4: Is too long.")).toBeVisible();
  });
});
