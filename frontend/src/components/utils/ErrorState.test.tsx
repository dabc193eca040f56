// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { keepTokens, sessionStore, wasSignedOut } from "@/lib/auth-session";
import { ErrorState } from "./ErrorState";

describe("in place of what could not be had", () => {
  it.each([
    [0, "The server does not answer. Check that it runs.", "Check that it runs."],
    [404, "There is nothing here, or you may not see it.", "It was removed, or you may not see it."],
    [404, "The node is gone.", "The node is gone."],
  ])("does not say twice what is wrong: %i, %s", (status, detail, shown) => {
    render(<ErrorState error={{ status, detail }} />);
    expect(screen.getByText(shown)).toBeInTheDocument();
    expect(screen.queryByText(detail) !== null).toBe(detail === shown);
  });

  it("leads to the sign-in where the server no longer takes the session", async () => {
    keepTokens({ access_token: "a", expires_in: 600 });
    render(<ErrorState error={{ status: 401, detail: "The token is unknown." }} onRetry={() => undefined} />);
    expect(screen.getByRole("alert")).toHaveTextContent("You are not signed in");
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Sign in again" }));
    expect(sessionStore.get()).toBe("signed-out");
    // Nobody chose to go, so that the sign-in leads back here.
    expect(wasSignedOut()).toBe(false);
  });

  it.each([
    [0, "The server does not answer", true],
    [403, "You may not see this", false],
    [404, "There is nothing here", false],
    [429, "Too many requests", true],
    [503, "The server is busy", true],
    [418, "This could not be loaded", false],
  ])("says what %i means, and offers to try again where that may help", async (status, title, mayHelp) => {
    const onRetry = vi.fn();
    render(<ErrorState error={{ status, detail: "Why.", request_id: "r-1" }} onRetry={onRetry} />);
    expect(screen.getByRole("alert")).toHaveTextContent(title);
    expect(screen.getByRole("alert")).toHaveTextContent("Why.");
    expect(screen.getByText("Request r-1")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Sign in again" })).toBeNull();
    const again = screen.queryByRole("button", { name: "Try again" });
    expect(again !== null).toBe(mayHelp);
    if (again) await userEvent.click(again);
    expect(onRetry).toHaveBeenCalledTimes(mayHelp ? 1 : 0);
  });
});
