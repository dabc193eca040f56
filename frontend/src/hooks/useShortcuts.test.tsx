// @vitest-environment jsdom
import { act, fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SingleKeysSwitch } from "@/components/layouts/fragments/SingleKeysSwitch";
import { singleKeys } from "@/lib/single-keys";
import { useShortcuts } from "./useShortcuts";

function show() {
  const did = vi.fn();
  function Page() {
    useShortcuts({ "?": () => did("help"), "g n": () => did("nodes") });
    return (
      <>
        <input aria-label="Search" />
        <SingleKeysSwitch />
      </>
    );
  }
  render(<Page />);
  return did;
}

afterEach(() => singleKeys.set(true));

describe("single-key shortcuts", () => {
  it("work wherever no text is typed", async () => {
    const did = show();
    await userEvent.keyboard("gn?");
    expect(did.mock.calls).toEqual([["nodes"], ["help"]]);
    await userEvent.type(screen.getByLabelText("Search"), "gn?");
    expect(did).toHaveBeenCalledTimes(2);
  });

  it("do nothing once they are turned off, until they are turned on again", async () => {
    const did = show();
    const choice = screen.getByRole("switch", { name: "Single-key shortcuts" });
    await userEvent.click(choice);
    expect(choice).not.toBeChecked();
    await userEvent.keyboard("gn?");
    expect(did).not.toHaveBeenCalled();
    await userEvent.click(choice);
    await userEvent.keyboard("?");
    expect(did.mock.calls).toEqual([["help"]]);
    expect(localStorage.length).toBe(0);
  });

  it("follow what another tab has chosen", () => {
    show();
    localStorage.setItem("runner-pilot.single-keys", "off");
    act(() => void fireEvent(window, new StorageEvent("storage", { key: "runner-pilot.single-keys" })));
    expect(screen.getByRole("switch")).not.toBeChecked();
  });
});
