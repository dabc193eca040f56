// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { TooltipProvider } from "@/components/ui/tooltip";
import { StandIn, useWanted } from "./StandIn";
import { Tooltip } from "./Tooltip";

function Hint({ content = "Why" }: { content?: string | null }) {
  return (
    <TooltipProvider delayDuration={0}>
      <Tooltip content={content}>
        <button type="button">Go</button>
      </Tooltip>
    </TooltipProvider>
  );
}

describe("a tooltip", () => {
  it("shows for the pointer, and describes what it belongs to", async () => {
    render(<Hint />);
    const button = screen.getByRole("button");
    await userEvent.hover(button);
    expect(await screen.findByRole("tooltip")).toHaveTextContent("Why");
    expect(button).toHaveAccessibleDescription("Why");
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("tooltip")).toBeNull();
    expect(button).not.toHaveAttribute("aria-describedby");
  });

  it("shows for the keyboard", async () => {
    render(<Hint />);
    await userEvent.tab();
    expect(await screen.findByRole("tooltip")).toHaveTextContent("Why");
    await userEvent.tab();
    expect(screen.queryByRole("tooltip")).toBeNull();
  });

  it("is not there when it has nothing to say, and keeps the focus when it has", async () => {
    const { rerender } = render(<Hint content={null} />);
    await userEvent.tab();
    expect(screen.queryByRole("tooltip")).toBeNull();
    rerender(<Hint />);
    expect(screen.getByRole("button")).toHaveFocus();
  });
});

function Menu({ onChoose }: { onChoose: () => void }) {
  const { wanted, watch } = useWanted();
  return (
    <>
      <button type="button" aria-haspopup="menu" aria-expanded={false} {...watch}>
        Actions
      </button>
      {wanted ? (
        <DropdownMenu>
          <DropdownMenuTrigger asChild>
            <StandIn of={wanted} />
          </DropdownMenuTrigger>
          <DropdownMenuContent>
            <DropdownMenuItem onSelect={onChoose}>Stop</DropdownMenuItem>
          </DropdownMenuContent>
        </DropdownMenu>
      ) : null}
    </>
  );
}

describe("a menu", () => {
  it("opens by the keyboard, and gives the focus back", async () => {
    const onChoose = vi.fn();
    render(<Menu onChoose={onChoose} />);
    const button = screen.getByRole("button");
    await userEvent.tab();
    await userEvent.keyboard("{Enter}");
    expect(await screen.findByRole("menu", { name: "Actions" })).toBeInTheDocument();
    expect(button).toHaveAttribute("aria-expanded", "true");
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("menu")).toBeNull();
    expect(button).toHaveAttribute("aria-expanded", "false");
    expect(button).toHaveFocus();
    await userEvent.keyboard("{ArrowDown}{Enter}");
    expect(onChoose).toHaveBeenCalledOnce();
  });

  it("opens by the pointer", async () => {
    const onChoose = vi.fn();
    render(<Menu onChoose={onChoose} />);
    await userEvent.click(screen.getByRole("button"));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Stop" }));
    expect(onChoose).toHaveBeenCalledOnce();
  });
});
