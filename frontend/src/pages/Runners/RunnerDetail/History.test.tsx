// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { listOf, renderPart } from "@/testing/render";
import { TimelineTab, UsageTab } from "./History";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const entry = (number: number) => ({
  uid: `e${number}`,
  kind: "state",
  message: `Step ${number}.`,
  created_at: "2026-11-28T12:00:00Z",
  runner_id: "r1",
  instance_id: `i${number % 2}`,
  instance_name: `builder-${number % 2}`,
  instance_removed: number % 2 === 1,
});

function show(total: number) {
  const asked: string[] = [];
  server.use(
    http.get("*/org/o1/runners/r1/events", ({ request }) => {
      const { searchParams } = new URL(request.url);
      const offset = Number(searchParams.get("offset") ?? 0);
      asked.push(`${searchParams.get("limit")} from ${offset}`);
      const items = Array.from({ length: total }, (_, index) => entry(total - index)).slice(offset, offset + 50);
      return HttpResponse.json({ items, total, limit: 50, offset });
    }),
  );
  const { container } = renderPart(<TimelineTab runnerId="r1" />);
  // By their element: by role takes seconds for so many.
  return { asked, list: () => container.querySelectorAll("li") };
}

it("shows the latest entries and what is older when asked", async () => {
  const { asked, list } = show(70);
  expect(await screen.findByText("Step 70.")).toBeVisible();
  expect(list()).toHaveLength(50);
  expect(screen.getByText("The latest 50 of 70 entries")).toBeVisible();
  await userEvent.click(screen.getByText("Show earlier"));
  expect(await screen.findByText("Step 1.")).toBeVisible();
  expect(list()).toHaveLength(70);
  expect(screen.queryByText("Show earlier")).toBeNull();
  expect([...new Set(asked)]).toEqual(["50 from 0", "50 from 50"]);
});

it("leads to the instance that an entry is about, unless that is gone", async () => {
  show(2);
  await screen.findByText("Step 2.");
  const [there, gone] = screen.getAllByRole("listitem");
  if (!there || !gone) throw new Error("two entries were told");
  expect(within(there).getByRole("link", { name: "builder-0" })).toHaveAttribute(
    "href",
    "/o/o1/runners/r1/instances/i0",
  );
  expect(gone).toHaveTextContent("builder-1 · removed since");
  expect(within(gone).queryByRole("link")).toBeNull();
});

it("says so where nothing has happened", async () => {
  server.use(http.get("*/org/o1/runners/r1/events", () => HttpResponse.json(listOf([]))));
  renderPart(<TimelineTab runnerId="r1" />);
  expect(await screen.findByText("Nothing has happened in the last 30 days")).toBeVisible();
});

it("shows in which time nothing was measured, how often that is done, and asks for the range that is chosen", async () => {
  const spans: number[] = [];
  server.use(
    http.get("*/org/o1/runners/r1/metrics", ({ request }) => {
      const { searchParams } = new URL(request.url);
      const [from, to] = [searchParams.get("from") ?? "", searchParams.get("to") ?? ""];
      spans.push((Date.parse(to) - Date.parse(from)) / 60_000);
      return HttpResponse.json({ from, to, interval_secs: 120, stretch_secs: 15, points: [] });
    }),
  );
  renderPart(<UsageTab runnerId="r1" />, { address: "/?range=6h" });
  expect(await screen.findByText("Figures are taken every 120 s while a container runs.")).toBeVisible();
  const choice = screen.getByRole("combobox", { name: "Range" });
  expect(choice).toHaveValue("6h");
  await userEvent.selectOptions(choice, "15 min");
  expect(choice).toHaveValue("15m");
  await vi.waitFor(() => expect([...new Set(spans)]).toEqual([360, 15]));
});
