// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import { type Aged, StaleAlert, whyGone } from "./StaleAlert";

const fresh: Aged = {
  data: { name: "a" },
  error: null,
  isError: false,
  dataUpdatedAt: Date.now() - 125_000,
  refetch: () => undefined,
};

function show(source: Aged) {
  return render(<StaleAlert source={source} />, { wrapper: TooltipProvider });
}

describe("what could not be refreshed", () => {
  it("is said with its age, and can be tried again", async () => {
    const refetch = vi.fn();
    show({ ...fresh, error: { status: 503 }, isError: true, refetch });
    expect(screen.getByRole("status")).toHaveTextContent("Could not refresh. This is from 2 min. ago.");
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(refetch).toHaveBeenCalledOnce();
  });

  it("is said to be removed where the server no longer knows it", () => {
    const gone = { ...fresh, error: { status: 404 }, isError: true };
    show(gone);
    expect(screen.getByRole("status")).toHaveTextContent("It was removed.");
    expect(screen.queryByRole("button")).toBeNull();
    expect(whyGone(gone)).toBe("It was removed.");
  });

  it("says nothing while all is well, nor without anything to be old", () => {
    expect(show(fresh).container).toBeEmptyDOMElement();
    expect(show({ ...fresh, data: undefined, error: { status: 500 }, isError: true }).container).toBeEmptyDOMElement();
    expect(whyGone(fresh)).toBeNull();
  });
});
