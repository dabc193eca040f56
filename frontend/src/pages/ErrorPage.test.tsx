// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { createMemoryRouter, RouterProvider } from "react-router";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorPage, NotFoundPage } from "./ErrorPage";

// The router and React tell the console of what broke, too.
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));

function Broken(): never {
  throw new Error("labels is undefined");
}

/** As in the routes: a page that breaks leaves what is around it standing. */
function open(address: string, failure = "") {
  const router = createMemoryRouter(
    [
      {
        ErrorBoundary: ErrorPage,
        children: [
          { path: "/", element: <p>Fine</p> },
          { path: "/broken", Component: Broken },
          {
            path: "/gone",
            lazy: async () => {
              throw new TypeError(failure);
            },
          },
          { path: "*", Component: NotFoundPage },
        ],
      },
    ],
    { initialEntries: [address] },
  );
  render(<RouterProvider router={router} />);
}

const OLD = "Runner Pilot was updated while this page was open. Load it again.";

describe("when a page can't be shown", () => {
  it("says that it broke, with what may be reported", async () => {
    open("/broken");
    expect(await screen.findByRole("alert")).toHaveTextContent(
      "Something in this page broke. Load it again; if it stays, please report it. labels is undefined",
    );
    expect(screen.getByRole("button", { name: "Try again" })).toBeEnabled();
  });

  it.each([
    "Failed to fetch dynamically imported module: https://pilot.example.org/assets/index-1.js",
    "error loading dynamically imported module: https://pilot.example.org/assets/index-1.js",
    "Importing a module script failed.",
  ])("says that it is an old one, in the words of any browser: %s", async (failure) => {
    open("/gone", failure);
    expect(await screen.findByRole("alert")).toHaveTextContent(OLD);
    expect(screen.getByRole("button", { name: "Try again" })).toBeEnabled();
  });

  it("does not take every failure for that", async () => {
    open("/gone", "x is not a function");
    expect(await screen.findByRole("alert")).not.toHaveTextContent(OLD);
  });

  it("leads home from an address that leads nowhere", async () => {
    open("/nowhere");
    expect(await screen.findByRole("alert")).toHaveTextContent("There is nothing here");
    expect(screen.getByRole("link", { name: "Go to the overview" })).toHaveAttribute("href", "/");
  });
});
