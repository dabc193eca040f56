import { readFile } from "node:fs/promises";
import { expect, type Locator, type Page, test } from "@playwright/test";
import { violationsOf } from "./accessibility";
import { stopProcess } from "./processes";
import { ADA, type Api, apiOf, firstRunner, type Named, sendSampleJob, signIn } from "./support";

type Event = { event: string; lines: string[]; skipped: number; reason?: string };

async function openLog(page: Page, api: Api, runner: Named, instance: Named): Promise<Locator> {
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/runners/${runner.uid}/instances/${instance.uid}?tab=logs`);
  return page.getByRole("log", { name: /^Logs:/ });
}

/** Plays the server's part in a log: these events, then nothing more. */
async function tell(page: Page, events: Event[]): Promise<void> {
  const body = events.map((event) => `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  await page.route(/\/logs\/stream\?/, (route) => route.fulfill({ contentType: "text/event-stream", body }));
}

const state = (page: Page, kind: string) => page.locator(`[data-log-state="${kind}"]`);

/** How many lines contain something. */
async function occurrences(page: Page, text: string): Promise<number> {
  await page.getByLabel("Search the log").fill(text);
  const found = page.getByText(/^\d+ \/ \d+$/);
  await expect(found).toBeVisible();
  const count = Number((await found.textContent())?.split("/")[1]);
  await page.getByLabel("Search the log").press("Escape");
  await expect(found).toHaveCount(0);
  return count;
}

test("a log is followed live, also past a worker that is started again", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner, instance } = await firstRunner(api);
  const log = await openLog(page, api, runner, instance);
  await expect(state(page, "live")).toBeVisible({ timeout: 30_000 });
  await expect(log).toContainText("Listening for Jobs");

  await sendSampleJob(request, 2, "seen-live");
  await expect(log).toContainText("seen-live", { timeout: 30_000 });
  await expect(log).toContainText("seen-live completed", { timeout: 60_000 });
  const before = await occurrences(page, "seen-live");

  const start = await stopProcess("worker");
  await expect(state(page, "reconnecting")).toBeVisible({ timeout: 30_000 });
  await expect(log).toContainText("seen-live");
  await start();
  await expect(state(page, "live")).toBeVisible({ timeout: 90_000 });
  await sendSampleJob(request, 2, "after-the-restart");
  await expect.poll(() => occurrencesOrNone(page, "after-the-restart"), { timeout: 60_000 }).toBeGreaterThan(0);
  expect(await occurrences(page, "seen-live")).toBe(before);
  expect(await violationsOf(page)).toEqual([]);

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe(`${instance.name}.log`);
  const text = await readFile(await file.path(), "utf8");
  expect(text).toContain("Listening for Jobs");
  expect(text).not.toContain("\u001b");
});

async function occurrencesOrNone(page: Page, text: string): Promise<number> {
  await page.getByLabel("Search the log").fill(text);
  await expect(page.getByText(/^(\d+ \/ \d+|No match)$/)).toBeVisible();
  const isThere = await page.getByText(/^\d+ \/ \d+$/).isVisible();
  await page.getByLabel("Search the log").press("Escape");
  return isThere ? 1 : 0;
}

test("a log of 100,000 hostile lines does no harm", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner, instance } = await firstRunner(api);
  const hostile =
    "\u001b[31m<img src=x onerror='window.harm=1'><script>window.harm=1</script>\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007";
  const lines = Array.from({ length: 100_000 }, (_, index) => `${hostile} ${index}`);
  const batches = Array.from({ length: 100 }, (_, batch) => lines.slice(batch * 1_000, (batch + 1) * 1_000));
  await tell(page, [
    ...batches.map((batch) => ({ event: "lines", lines: batch, skipped: 0 })),
    { event: "end", lines: [], skipped: 12_345, reason: "node_unavailable" },
  ]);
  const log = await openLog(page, api, runner, instance);
  await expect(log).toContainText("<script>window.harm=1</script>link 99999");
  await expect(log).toContainText("At least 12,345 lines were left out here.");
  expect(await log.locator("img, a, script").count()).toBe(0);
  expect(await page.locator("[data-index]").count()).toBeLessThan(200);
  await page.getByLabel("Search the log").fill("link 50001");
  await expect(page.getByText("1 / 1")).toBeVisible();
  await expect(log).toContainText("link 50001");

  // Smooth: while it is scrolled through, pictures come quickly; the machine may be busy with other things now and then.
  await log.focus();
  await page.keyboard.press("Home");
  await expect(log).toContainText("link 0");
  const typical = await log.evaluate(async (frame) => {
    const nextPicture = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
    const took: number[] = [];
    let last = await nextPicture();
    for (let step = 0; step < 61; step += 1) {
      frame.scrollTop += 30_000;
      const now = await nextPicture();
      took.push(now - last);
      last = now;
    }
    return took.sort((one, other) => one - other)[30] ?? Number.POSITIVE_INFINITY;
  });
  console.log(`a picture while scrolling, typically: ${Math.round(typical)} ms`);
  expect(typical).toBeLessThan(150);
  await page.keyboard.press("End");
  await expect(log).toContainText("link 99999");
  expect(await page.evaluate(() => "harm" in window)).toBe(false);
});

test("who scrolls up is not pulled away, and is told what came meanwhile", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner, instance } = await firstRunner(api);
  const lines = (from: number) => Array.from({ length: 200 }, (_, index) => `line ${from + index}`);
  let asked = 0;
  // More comes only when somebody has scrolled up, however long that takes here.
  let goOn: () => void = () => undefined;
  const hasScrolled = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  await page.route(/\/logs\/stream\?/, async (route) => {
    asked += 1;
    if (asked > 1) await hasScrolled;
    const event = { event: "lines", lines: lines(asked * 200), skipped: 0, id: `${asked}` };
    return route.fulfill({ contentType: "text/event-stream", body: `data: ${JSON.stringify(event)}\n\n` });
  });
  const log = await openLog(page, api, runner, instance);
  await expect(log).toContainText("line 399");
  await log.hover();
  await page.mouse.wheel(0, -2_000);
  await expect(page.getByRole("button", { name: "Follow the end" })).toHaveAttribute("aria-pressed", "false");
  const top = await log.evaluate((frame) => frame.scrollTop);
  goOn();
  await expect(page.getByRole("button", { name: /new lines below/ })).toBeVisible();
  expect(await log.evaluate((frame) => frame.scrollTop)).toBe(top);
  await page.getByRole("button", { name: /new lines below/ }).click();
  await expect(page.getByRole("button", { name: "Follow the end" })).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => log.evaluate((frame) => frame.scrollTop)).toBeGreaterThan(top);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`a node that does not answer is named with what helps, ${colorScheme}`, async ({ page, request }) => {
    await page.emulateMedia({ colorScheme });
    const api = await apiOf(request, ADA);
    const { runner, instance } = await firstRunner(api);
    const colours = ["31merror", "32mok", "33mwarning", "34mnote", "35mstep", "36mpath", "1mbold"];
    const lines = colours.map((colour) => `\u001b[${colour}\u001b[0m and what follows`);
    await tell(page, [
      { event: "lines", lines, skipped: 7 },
      { event: "end", lines: [], skipped: 0, reason: "node_unavailable" },
    ]);
    await openLog(page, api, runner, instance);
    await expect(state(page, "reconnecting")).toBeVisible();
    await expect(page.getByText("The node does not answer")).toBeVisible();
    expect(await violationsOf(page)).toEqual([]);
    await page.screenshot({ path: test.info().outputPath(`log-${colorScheme}.png`) });
    await page.getByRole("link", { name: "Open the node" }).click();
    await expect(page).toHaveURL(/\/nodes\?node=/);
  });
}
