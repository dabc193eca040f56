// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { ConfirmDialog } from "./ConfirmDialog";

const base = {
  title: "Remove the node rack-7?",
  description: "It is forgotten.",
  action: "Remove node",
  typeToConfirm: "rack-7",
};

describe("a confirmation", () => {
  it("does nothing until the name is typed", async () => {
    const run = vi.fn(async () => undefined);
    const onClose = vi.fn();
    render(<ConfirmDialog confirmation={{ ...base, run }} onClose={onClose} />);
    const button = screen.getByRole("button", { name: "Remove node" });
    expect(button).toBeDisabled();
    await userEvent.type(screen.getByRole("textbox"), "rack-");
    await userEvent.keyboard("{Enter}");
    expect(run).not.toHaveBeenCalled();
    await userEvent.keyboard("7{Enter}");
    expect(run).toHaveBeenCalledOnce();
    expect(onClose).toHaveBeenCalledOnce();
  });

  it("stays and says why when it failed", async () => {
    const run = () => Promise.reject({ status: 409, detail: "Instances take room there.", title: "Conflict" });
    const onClose = vi.fn();
    render(<ConfirmDialog confirmation={{ ...base, typeToConfirm: undefined, run } as never} onClose={onClose} />);
    await userEvent.click(screen.getByRole("button", { name: "Remove node" }));
    expect(await screen.findByText("Instances take room there.")).toBeInTheDocument();
    expect(onClose).not.toHaveBeenCalled();
  });
});
