import { expect, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import {
  ADA,
  type Api,
  apiOf,
  firstRunner,
  GRACE,
  type Named,
  personOf,
  registered,
  sendSampleJob,
  signIn,
} from "./support";

test("a change made in one browser is seen in another without a reload", async ({ page, request, browser }) => {
  const api = await apiOf(request, ADA);
  const { runner } = await firstRunner(api);
  const hedy = personOf("Hedy Lamarr", "hedy@example.org");
  await registered(request, hedy);
  await api.post(`/org/${api.orgId}/members`, { email: hedy.email, role: "member", permissions: {} });
  const elsewhere = await browser.newContext();
  const hers = await elsewhere.newPage();
  await signIn(hers, hedy);
  await hers.goto(`/o/${api.orgId}/runners`);
  await expect(hers.locator('[data-connection="live"]')).toBeVisible();
  await expect(hers.getByRole("link", { name: "builder", exact: true })).toBeVisible();
  let loads = 0;
  hers.on("load", () => {
    loads += 1;
  });

  // Of a repository of its own: no other test's job comes to it.
  const recipe = await api.get<Record<string, unknown>>(`/org/${api.orgId}/runners/${runner.uid}`);
  const { credential_id, docker_image, resources } = recipe;
  const fields = { credential_id, docker_image, resources, ephemeral: false };
  const seen = await api.post<Named>(`/org/${api.orgId}/runners`, {
    ...fields,
    name: "seen-by-two",
    github_repo: "acme/two",
  });
  await hers.getByRole("link", { name: "seen-by-two" }).click();

  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/runners/${seen.uid}`);
  await page.getByRole("button", { name: "New instance" }).first().click();
  const status = (on: Page, word: string) =>
    on.getByRole("table", { name: "Instances" }).locator(`tbody [data-status="${word}"]`);
  for (const each of [page, hers]) await expect(status(each, "Idle")).toBeVisible({ timeout: 90_000 });

  await expectSoonSeen(hers, api, seen);

  await sendSampleJob(request, 10, "seen by two", [], "acme/two");
  for (const each of [hers, page]) await expect(status(each, "Active")).toBeVisible({ timeout: 60_000 });
  for (const each of [hers, page]) await expect(status(each, "Idle")).toBeVisible({ timeout: 90_000 });

  await page.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("menuitem", { name: "Stop" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Stop" }).click();
  for (const each of [hers, page]) await expect(status(each, "Stopped")).toBeVisible({ timeout: 90_000 });
  expect(loads).toBe(0);
  await elsewhere.close();
});

/** What is promised for 95 of 100 changes, from sending one to its picture in somebody else's browser. */
const PROMISED_MS = 500;
const CHANGES = 20;

/**
 * On a machine that does nothing else the promise is kept as it stands. On a busy one everything waits for its
 * turn, and a change does so some four times on its way; what one such turn takes is measured beside it.
 */
async function expectSoonSeen(page: Page, api: Api, runner: Named): Promise<void> {
  const of = `/org/${api.orgId}/runners/${runner.uid}`;
  const { items } = await api.get<{ items: Named[] }>(`${of}/instance`);
  const instance = items[0] as Named;
  // Three times at most: two changes of 20 that the machine held up are too many, and say nothing of ours.
  for (let round = 1; ; round += 1) {
    const { took, bare } = await changesSeen(page, api, `${of}/instance/${instance.uid}`, instance.name);
    const [half, most, turn] = [shareOf(took, 0.5), shareOf(took, 0.95), shareOf(bare, 0.95)];
    console.log(`from a change to its picture: p50 ${half} ms, p95 ${most} ms, where a bare turn takes p95 ${turn} ms`);
    if (most > PROMISED_MS + 3 * turn && round < 3) continue;
    expect(most).toBeLessThanOrEqual(PROMISED_MS + 3 * turn);
    return;
  }
}

/** How long changes of an instance take until they are seen, and bare turns of the page beside them; in milliseconds. */
async function changesSeen(page: Page, api: Api, path: string, name: string) {
  const bare: number[] = [];
  const took: number[] = [];
  // A heartbeat may say otherwise in the same moment, so that the page never shows this one.
  for (let tries = 0; took.length < CHANGES && tries < CHANGES * 2; tries += 1) {
    const begin = Date.now();
    await page.evaluate(bareTurn);
    bare.push(Date.now() - begin);
    const [status, word] = tries % 2 === 0 ? ["busy", "Active"] : ["idle", "Idle"];
    const shown = timeShown(page, name, word as string);
    const sent = Date.now();
    await api.patch(path, { status });
    const at = await shown;
    if (at !== null) took.push(at - sent);
  }
  expect(took).toHaveLength(CHANGES);
  return { took, bare };
}

const shareOf = (times: number[], share: number): number =>
  [...times].sort((one, other) => one - other)[Math.ceil(share * times.length) - 1] ?? Number.NaN;

/** In the page: asks the api for what costs it nothing, and draws. */
async function bareTurn(): Promise<void> {
  await (await fetch("/healthz")).text();
  await new Promise((drawn) => requestAnimationFrame(drawn));
}

/** When a row shows a status, by the page's own clock and painting; null where it never does. */
function timeShown(page: Page, name: string, word: string): Promise<number | null> {
  return page.evaluate(
    ([of, expected]) =>
      new Promise<number | null>((resolve) => {
        const end = setTimeout(() => {
          observer.disconnect();
          resolve(null);
        }, 10_000);
        const look = () => {
          const row = [...document.querySelectorAll("tbody tr")].find((each) => each.textContent?.includes(of));
          if (!row?.querySelector(`[data-status="${expected}"]`)) return;
          clearTimeout(end);
          observer.disconnect();
          requestAnimationFrame(() => resolve(Date.now()));
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
        look();
      }),
    [name, word] as const,
  );
}

test("a member without a permission sees the control and why it is out of reach", async ({
  page,
  request,
  browser,
}) => {
  await registered(request, GRACE);
  const api = await apiOf(request, ADA);
  await api.post(`/org/${api.orgId}/members`, { email: GRACE.email, role: "member", permissions: {} });

  const context = await browser.newContext();
  const hers = await context.newPage();
  await signIn(hers, GRACE);
  await hers.goto(`/o/${api.orgId}/runners`);
  const create = hers.getByRole("button", { name: "Create runner" });
  await expect(create).toHaveAttribute("aria-disabled", "true");
  await create.focus();
  await expect(hers.getByRole("tooltip")).toContainText("create_runner");
  await create.click({ force: true });
  await expect(hers.getByRole("dialog")).toHaveCount(0);
  await hers.goto(`/o/${api.orgId}/audit`);
  await expect(hers.getByText("Only an admin")).toBeVisible();
  await expectGoodOnEverySize(hers, "what she may not see");
  await context.close();

  // Her name is text wherever it stands.
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/members`);
  await expect(page.getByText("Grace <script>")).toBeVisible();
  expect(await page.evaluate(() => "harm" in window)).toBe(false);
});

test("a lost session leads back to where one was", async ({ page, request, context }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  const address = `/o/${api.orgId}/nodes?q=this&sort=-name`;
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "Nodes" })).toBeVisible();
  await context.clearCookies();
  await page.reload();
  await page.waitForURL(/\/sign-in\?return_to=/);
  await page.getByLabel("E-mail address").fill(ADA.email);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => `${url.pathname}${url.search}` === address);
  await expect(page.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();
});

test("what is done to many says what became of each, and the list follows", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  for (const name of ["bulk-a", "bulk-b"]) {
    await api.post(`/org/${api.orgId}/nodes`, { name, type: "socket", socket_path: `/run/${name}.sock` });
  }
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/nodes?q=bulk-`);
  await page.getByRole("checkbox", { name: "Select all on this page" }).click();
  await expect(page.getByText("2 selected")).toBeVisible();
  // What fits none of them can be reached, and says why.
  const resume = page.getByRole("button", { name: "Resume" });
  await resume.focus();
  await expect(page.getByRole("tooltip")).toContainText("It takes instances already.");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("alertdialog", { name: "Pause 2 nodes?" }).getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("2 of 2 done.")).toBeVisible();
  await page.getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("row").filter({ hasText: "takes no new instances" })).toHaveCount(2);

  await page.getByRole("checkbox", { name: "Select all on this page" }).click();
  await page.getByRole("button", { name: "Remove node" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Remove 2 nodes?" });
  await dialog.getByLabel("Type 2 to confirm.").fill("2");
  await dialog.getByRole("button", { name: "Remove node" }).click();
  await expect(dialog.getByText("2 of 2 done.")).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(page.getByText("Nothing matches")).toBeVisible();
});
