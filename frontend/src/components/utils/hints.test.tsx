// @vitest-environment jsdom
import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { toast } from "sonner";
import { describe, expect, it, vi } from "vitest";
import { exactTime } from "@/lib/format";
import { instanceLook } from "@/lib/status";
import { renderPart } from "@/testing/render";
import { StatusBadge } from "./StatusBadge";
import { TimeAgo } from "./TimeAgo";

const WHY = "The image does not exist.";
const AT = "2026-03-01T12:30:15Z";
const EXACT = exactTime(new Date(AT));

/** What a finger does, which opens no tooltip. */
function tap(element: HTMLElement) {
  const said = vi.spyOn(toast, "message").mockReturnValue(1);
  fireEvent.pointerUp(element, { pointerType: "mouse" });
  expect(said).not.toHaveBeenCalled();
  fireEvent.pointerUp(element, { pointerType: "touch" });
  return said.mock.calls.map(([what]) => what);
}

describe("a status", () => {
  it("tells a keyboard why it is so, where only this one has something to tell", async () => {
    renderPart(
      <>
        <StatusBadge look={instanceLook("running", "idle")} />
        <StatusBadge look={instanceLook("failed", "offline")} detail={WHY} />
      </>,
    );
    await userEvent.tab();
    expect(screen.getByText("Failed")).toHaveFocus();
    expect(await screen.findByRole("tooltip")).toHaveTextContent(WHY);
    await userEvent.tab();
    expect(document.body).toHaveFocus();
  });

  it("tells a finger the same, and what its word means", () => {
    const { unmount } = renderPart(<StatusBadge look={instanceLook("failed", "offline")} detail={WHY} />);
    expect(tap(screen.getByText("Failed"))).toEqual([WHY]);
    unmount();
    vi.restoreAllMocks();
    renderPart(<StatusBadge look={instanceLook("running", "idle")} />);
    expect(tap(screen.getByText("Idle"))).toEqual(["Connected to GitHub and waiting for a job."]);
  });
});

describe("a time", () => {
  it("is told exactly on hover and at a tap", async () => {
    renderPart(<TimeAgo at={AT} />);
    const time = screen.getByText("2026-03-01");
    expect(time).toHaveAttribute("datetime", AT);
    await userEvent.hover(time);
    expect(await screen.findByRole("tooltip")).toHaveTextContent(EXACT);
    expect(tap(time)).toEqual([EXACT]);
  });

  it("stands exactly where there is room for it", () => {
    renderPart(<TimeAgo withExact at={AT} />);
    expect(screen.getByRole("time")).toHaveTextContent(`2026-03-01 (${EXACT})`);
  });
});
