// @vitest-environment jsdom
import { fireEvent, render, screen } from "@testing-library/react";
import { toast } from "sonner";
import { describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import { GuardedButton } from "./GuardedButton";

describe("a button out of reach", () => {
  it("says why when it is pressed, and does nothing", () => {
    const said = vi.spyOn(toast, "message").mockReturnValue(1);
    const onClick = vi.fn();
    const { rerender } = render(
      <GuardedButton reason="You may not." onClick={onClick}>
        Go
      </GuardedButton>,
      { wrapper: TooltipProvider },
    );
    fireEvent.click(screen.getByText("Go"));
    expect(onClick).not.toHaveBeenCalled();
    expect(said).toHaveBeenCalledWith("You may not.", { id: "You may not." });
    rerender(
      <GuardedButton reason={null} onClick={onClick}>
        Go
      </GuardedButton>,
    );
    fireEvent.click(screen.getByText("Go"));
    expect(onClick).toHaveBeenCalledOnce();
  });
});
