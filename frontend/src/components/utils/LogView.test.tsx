// @vitest-environment jsdom
import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import type { LogRow } from "@/lib/log-rows";
import { LogView } from "./LogView";

const long = Array.from({ length: 100_000 }, (_, index) =>
  index % 50_000 === 7 ? `needle ${index}` : `line ${index}`,
);

function view(rows: readonly LogRow[], first = 0) {
  return (
    <TooltipProvider>
      <LogView log={{ rows, first, firstGap: null }} label="Log" fileName="x.log" />
    </TooltipProvider>
  );
}

/** Scrolls a frame that has no layout of its own here. */
function scrollTo(frame: HTMLElement, top: number): void {
  Object.defineProperties(frame, {
    scrollHeight: { value: 2_000, configurable: true },
    clientHeight: { value: 200, configurable: true },
  });
  frame.scrollTop = top;
  fireEvent.scroll(frame);
}

describe("a log of 100,000 lines", () => {
  it("keeps the page small, counts the matches and goes through them", async () => {
    const { container } = render(view(long));
    expect(screen.getByText("100,000 lines")).toBeInTheDocument();
    expect(container.querySelectorAll("[data-index]").length).toBeLessThan(200);
    await userEvent.type(screen.getByLabelText("Search the log"), "needle");
    expect(await screen.findByText("1 / 2")).toBeInTheDocument();
    await userEvent.keyboard("{Enter}");
    expect(screen.getByText("2 / 2")).toBeInTheDocument();
    await userEvent.keyboard("{Enter}");
    expect(screen.getByText("1 / 2")).toBeInTheDocument();
    await userEvent.keyboard("{Shift>}{Enter}{/Shift}");
    expect(screen.getByText("2 / 2")).toBeInTheDocument();
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByText("2 / 2")).toBeNull();
  });
});

describe("following the end", () => {
  it("stops when one scrolls up, says what came, and goes on at the end", async () => {
    const { rerender } = render(view(["one"]));
    const frame = screen.getByRole("log", { name: "Log" });
    const follow = screen.getByRole("button", { name: "Follow the end" });
    scrollTo(frame, 1_800);
    expect(follow).toHaveAttribute("aria-pressed", "true");
    scrollTo(frame, 500);
    expect(follow).toHaveAttribute("aria-pressed", "false");
    rerender(view(["one", "two", "three"]));
    expect(screen.getByRole("button", { name: "2 new lines below" })).toBeInTheDocument();
    scrollTo(frame, 1_790);
    expect(follow).toHaveAttribute("aria-pressed", "true");
    expect(screen.queryByText(/below/)).toBeNull();
  });

  it("is not taken up again by a match near the end, but by the key", async () => {
    render(view(["one", "two"]));
    const frame = screen.getByRole("log", { name: "Log" });
    const follow = screen.getByRole("button", { name: "Follow the end" });
    await userEvent.type(screen.getByLabelText("Search the log"), "two");
    expect(await screen.findByText("1 / 1")).toBeInTheDocument();
    scrollTo(frame, 1_800);
    expect(follow).toHaveAttribute("aria-pressed", "false");
    // It is at the end: nothing offers the way there.
    expect(screen.queryByRole("button", { name: "Go to the end" })).toBeNull();
    scrollTo(frame, 300);
    expect(screen.getByRole("button", { name: "Go to the end" })).toBeInTheDocument();
    frame.focus();
    await userEvent.keyboard("{End}");
    expect(follow).toHaveAttribute("aria-pressed", "true");
    await userEvent.keyboard("/");
    expect(screen.getByLabelText("Search the log")).toHaveFocus();
  });
});

it("offers no way to the end of nothing", async () => {
  render(view([]));
  await userEvent.click(screen.getByRole("button", { name: "Follow the end" }));
  expect(screen.getByRole("button", { name: "Follow the end" })).toHaveAttribute("aria-pressed", "false");
  expect(screen.queryByRole("button", { name: "Go to the end" })).toBeNull();
});

describe("a log that is not whole", () => {
  it("says so, and what a download saves", () => {
    const { rerender } = render(
      <TooltipProvider>
        <LogView log={{ rows: ["one", "two"], first: 0, firstGap: null }} label="Log" fileName="x.log" />
      </TooltipProvider>,
    );
    expect(screen.getByLabelText("Download (2 lines)")).toBeInTheDocument();
    rerender(
      <TooltipProvider>
        <LogView
          log={{ rows: ["one", "two"], first: 0, firstGap: null }}
          label="Log"
          fileName="x.log"
          earlier="Earlier lines exist."
        />
      </TooltipProvider>,
    );
    expect(screen.getByText("Earlier lines exist.")).toBeInTheDocument();
    expect(screen.getByLabelText("Download the last 2 lines")).toBeInTheDocument();
  });
});
