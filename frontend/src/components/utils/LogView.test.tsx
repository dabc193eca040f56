// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import { LogView } from "./LogView";

const lines = Array.from({ length: 100_000 }, (_, index) =>
  index % 50_000 === 7 ? `needle ${index}` : `line ${index}`,
);

describe("a log of 100,000 lines", () => {
  it("keeps the page small and finds what is searched for", async () => {
    const { container } = render(
      <TooltipProvider>
        <LogView lines={lines} label="Log" fileName="x.log" />
      </TooltipProvider>,
    );
    expect(screen.getByText("100,000 lines")).toBeInTheDocument();
    expect(container.querySelectorAll("[data-index]").length).toBeLessThan(200);
    await userEvent.type(screen.getByLabelText("Search the log"), "needle");
    expect(await screen.findByText("1 / 2")).toBeInTheDocument();
  });
});
