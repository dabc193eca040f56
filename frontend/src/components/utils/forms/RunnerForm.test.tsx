// @vitest-environment jsdom
import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import type { CredentialView, NodeView } from "@/lib/api/generated/types.gen";
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
