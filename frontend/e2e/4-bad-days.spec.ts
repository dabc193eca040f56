import { expect, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { stopProcess } from "./processes";
import { ADA, apiOf, firstRunner, type Named, signIn } from "./support";

const connection = (page: Page, mode: string) => page.locator(`[data-connection="${mode}"]`);

test("a server that does not answer is said to be away, and what was seen stays", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/nodes`);
  const row = page.getByRole("row").filter({ hasText: "this-machine" });
  await expect(row).toBeVisible();
  await page.context().setOffline(true);
  await expect(connection(page, "offline")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("What you see may be old.")).toBeVisible();
  await expect(row).toBeVisible();
  await expectGoodOnEverySize(page, "without the server");
  await page.context().setOffline(false);
  await expect(connection(page, "live")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("What you see may be old.")).toHaveCount(0);
});

test("on a slow network the page says which rows are old, and claims nothing it does not know", async ({
  page,
  request,
}) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  // The answers are on their way for as long as this test looks at the page meanwhile.
  let arrive: () => void = () => undefined;
  const hold = () =>
    new Promise<void>((resolve) => {
      arrive = resolve;
    });
  let held = hold();
  await page.route(/\/org\/[^/?]+\/nodes(\?|$)/, async (route) => {
    await held;
    await route.continue();
  });

  await page.goto(`/o/${api.orgId}/nodes`);
  const table = page.getByRole("table", { name: "Nodes" });
  await expect(table).toHaveAttribute("aria-busy", "true");
  await expect(page.getByText("No nodes yet")).toHaveCount(0);
  arrive();
  const row = table.getByRole("row").filter({ hasText: "this-machine" });
  await expect(row).toBeVisible();
  await expect(table).toHaveAttribute("aria-busy", "false");

  held = hold();
  await page.getByLabel("Search nodes").fill("no-such-node");
  await page.waitForURL(/q=no-such-node/);
  await expect(table).toHaveAttribute("aria-busy", "true");
  await expect(row).toBeVisible();
  await expect(page.getByText("Nothing matches")).toHaveCount(0);
  arrive();
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await expect(table).toHaveAttribute("aria-busy", "false");
  await expect(row).toHaveCount(0);
});

test("a failure of the server is told as one where the list would be, and passes when it is asked again", async ({
  page,
  request,
}) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  const problem = { status: 500, title: "Internal Server Error", detail: "Something failed here.", request_id: "r-17" };
  await page.route(/\/org\/[^/?]+\/nodes(\?|$)/, (route) =>
    route.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify(problem) }),
  );
  await page.goto(`/o/${api.orgId}/nodes`);
  await expect(page.getByText("The server failed")).toBeVisible();
  await expect(page.getByText("r-17")).toBeVisible();
  await expect(page.getByText("No nodes yet")).toHaveCount(0);
  // It answers, so nobody may say that it does not.
  await expect(connection(page, "live")).toBeVisible();
  await expectGoodOnEverySize(page, "a failure of the server");
  await page.unroute(/\/org\/[^/?]+\/nodes(\?|$)/);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();
  await expect(page.getByText("The server failed")).toHaveCount(0);
});

test("the page outlives a restart of the api and shows what happened since", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/nodes`);
  await expect(connection(page, "live")).toBeVisible();
  const start = await stopProcess("api");
  await expect(connection(page, "live")).toHaveCount(0, { timeout: 30_000 });
  await expect(page.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();
  await start();
  await expect(connection(page, "live")).toBeVisible({ timeout: 60_000 });
  const name = "after-the-restart";
  const node = await api.post<Named>(`/org/${api.orgId}/nodes`, {
    name,
    type: "socket",
    socket_path: "/run/none.sock",
  });
  await expect(page.getByRole("row").filter({ hasText: name })).toBeVisible();
  await api.delete(`/org/${api.orgId}/nodes/${node.uid}`);
  await expect(page.getByRole("row").filter({ hasText: name })).toHaveCount(0);
});

test("the page outlives a restart of Redis and says meanwhile what it can't know", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner, instance } = await firstRunner(api);
  await signIn(page, ADA);
  await expect(page.getByText("64 tasks at once").first()).toBeVisible();
  await expect(connection(page, "live")).toBeVisible();
  const list = await page.context().newPage();
  await list.goto(`/o/${api.orgId}/instances?q=${instance.name}`);
  const seen = list.getByRole("row").filter({ hasText: instance.name }).locator('[data-status="Idle"]');
  await expect(seen).toBeVisible();
  const isKnownLast = list.getByText("what runners do is shown as it was last known");
  await expect(isKnownLast).toHaveCount(0);
  const start = await stopProcess("redis");
  // A list has nothing of its own to tell it by: the status stays, and the page says how much it is worth.
  await expect(connection(list, "stalled")).toBeVisible({ timeout: 45_000 });
  await expect(isKnownLast).toBeVisible();
  await expect(seen).toBeVisible();
  await list.reload();
  await expect(isKnownLast).toBeVisible({ timeout: 45_000 });
  await expect(seen).toBeVisible();
  await expectGoodOnEverySize(list, "statuses that are the last known");
  await expect(connection(page, "live")).toHaveCount(0);
  await expect(page.getByText("Redis does not answer").first()).toBeVisible({ timeout: 45_000 });
  await expect(connection(page, "live")).toHaveCount(0);
  await expect(page.getByRole("link", { name: "this-machine" })).toBeVisible();
  await start();
  await expect(connection(page, "live")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("64 tasks at once").first()).toBeVisible({ timeout: 90_000 });
  await expect(connection(list, "live")).toBeVisible({ timeout: 60_000 });
  await expect(isKnownLast).toHaveCount(0);
  await expect(seen).toBeVisible();
  await list.close();

  // Changes are told again as they happen.
  await page.goto(`/o/${api.orgId}/runners/${runner.uid}`);
  await expect(connection(page, "live")).toBeVisible({ timeout: 60_000 });
  const row = page.getByRole("row").filter({ hasText: instance.name });
  const path = `/org/${api.orgId}/runners/${runner.uid}/instance/${instance.uid}`;
  // A heartbeat that comes at the same moment takes it back.
  await expect(async () => {
    await api.patch(path, { status: "busy" });
    await expect(row.locator('[data-status="Active"]')).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 20_000 });
  await api.patch(path, { status: "idle" });
  await expect(row.locator('[data-status="Idle"]')).toBeVisible({ timeout: 30_000 });
});

test("without a worker the overview says so and counts what waits, until one is started", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner } = await firstRunner(api);
  await signIn(page, ADA);
  await expect(page.getByText("64 tasks at once").first()).toBeVisible();
  const start = await stopProcess("worker");
  const alert = page.getByText("No worker is alive");
  await expect(alert).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText("Nothing starts or stops until one runs.")).toBeVisible();
  await expect(page.getByText("No worker has been heard of for a minute.")).toBeVisible();
  // What is asked for meanwhile is kept for it, and counted.
  const path = `/org/${api.orgId}/runners/${runner.uid}/instance`;
  const instance = await api.post<Named>(path, {});
  const tile = page.getByText("Tasks waiting").locator("..");
  await expect(tile).toContainText(/Tasks waiting[1-9]/, { timeout: 60_000 });
  await expect(tile).not.toContainText("Workers keep up.");
  await expectGoodOnEverySize(page, "without a worker");

  await start();
  await expect(alert).toHaveCount(0, { timeout: 60_000 });
  await expect(page.getByText("64 tasks at once").first()).toBeVisible();
  await page.goto(`/o/${api.orgId}/instances?q=${instance.name}`);
  const row = page.getByRole("row").filter({ hasText: instance.name });
  await expect(row.locator('[data-status="Idle"]')).toBeVisible({ timeout: 90_000 });
  await api.delete(`${path}/${instance.uid}`);
  await expect(row).toHaveCount(0, { timeout: 90_000 });
});
