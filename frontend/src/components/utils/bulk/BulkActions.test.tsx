// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Trash2 } from "lucide-react";
import { describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import { BulkActions } from "./BulkActions";

type Row = { id: string; gone?: boolean };
type Rules = { forbidden?: string | null; typeToConfirm?: boolean };

function show(
  rows: Row[],
  run: (row: Row) => Promise<unknown>,
  { forbidden = null, typeToConfirm = false }: Rules = {},
) {
  const onDone = vi.fn();
  render(
    <TooltipProvider>
      <BulkActions
        rows={rows}
        rowKey={(row) => row.id}
        rowLabel={(row) => row.id}
        onDone={onDone}
        actions={[
          {
            id: "remove",
            label: "Remove",
            icon: Trash2,
            title: (howMany) => `Remove ${howMany}?`,
            description: "For good.",
            forbidden,
            typeToConfirm,
            whyNot: (row) => (row.gone ? "It is gone." : null),
            run,
          },
        ]}
      />
    </TooltipProvider>,
  );
  return onDone;
}

describe("an action on many", () => {
  it("asks first, leaves out what it does not fit, and says what became of each", async () => {
    const run = vi.fn((row: Row) =>
      row.id === "b" ? Promise.reject({ status: 409, detail: "It runs a job." }) : Promise.resolve(),
    );
    const onDone = show([{ id: "a" }, { id: "b" }, { id: "c", gone: true }], run);
    await userEvent.click(screen.getByRole("button", { name: "Remove" }));
    const dialog = screen.getByRole("alertdialog", { name: "Remove 2?" });
    expect(within(dialog).getByText("c: It is gone.")).toBeInTheDocument();
    expect(run).not.toHaveBeenCalled();

    await userEvent.click(within(dialog).getByRole("button", { name: "Remove" }));
    expect(await within(dialog).findByText("1 of 2 failed.")).toBeInTheDocument();
    expect(within(dialog).getByText("It runs a job.")).toBeInTheDocument();
    expect(run.mock.calls.map(([row]) => row.id)).toEqual(["a", "b"]);
    expect(onDone).not.toHaveBeenCalled();
    await userEvent.click(within(dialog).getByRole("button", { name: "Close" }));
    expect(onDone).toHaveBeenCalledOnce();
  });

  it.each([
    ["so many", [{ id: "a" }, { id: "b" }], "2"],
    ["by its name what is alone", [{ id: "a" }, { id: "c", gone: true }], "a"],
  ])("asks for what can't be undone to be typed in: %s", async (_, rows, what) => {
    const run = vi.fn(() => Promise.resolve());
    show(rows, run, { typeToConfirm: true });
    await userEvent.click(screen.getByRole("button", { name: "Remove" }));
    const dialog = within(screen.getByRole("alertdialog"));
    const field = dialog.getByLabelText(`Type ${what} to confirm.`);
    await userEvent.type(field, "3{Enter}");
    expect(dialog.getByRole("button", { name: "Remove" })).toBeDisabled();
    expect(run).not.toHaveBeenCalled();
    await userEvent.clear(field);
    await userEvent.type(field, `${what}{Enter}`);
    expect(await dialog.findByText(/^. of . done\.$/)).toBeInTheDocument();
  });

  it("does nothing when it is called off", async () => {
    const run = vi.fn(() => Promise.resolve());
    const onDone = show([{ id: "a" }], run);
    await userEvent.click(screen.getByRole("button", { name: "Remove" }));
    await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(run).not.toHaveBeenCalled();
    expect(onDone).not.toHaveBeenCalled();
  });

  it("says why where it may not be done, or fits none", async () => {
    show([{ id: "c", gone: true }], () => Promise.resolve());
    const button = screen.getByRole("button", { name: "Remove" });
    expect(button).toHaveAttribute("aria-disabled", "true");
    button.focus();
    expect(await screen.findByRole("tooltip")).toHaveTextContent("It is gone.");
    await userEvent.click(button);
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });
});
