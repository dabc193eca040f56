import { expect, type Locator, type Page, type Response, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { ADA, type Api, apiOf, firstRunner, type Named, signIn } from "./support";

type Metrics = { points: { cpu_peak: number; instances?: number }[]; interval_secs: number };
type Instance = Named & { node_id: string; instance_identifier: string; instance_meta: { image: string } };

const MINUTE_MS = 60_000;

/** The first instance, what it belongs to, and where the api tells of the pasts of each. */
async function pasts(api: Api) {
  const { runner, instance } = await firstRunner(api);
  const runnerPath = `/org/${api.orgId}/runners/${runner.uid}`;
  const whole = await api.get<Instance>(`${runnerPath}/instance/${instance.uid}`);
  const node = await api.get<Named>(`/org/${api.orgId}/nodes/${whole.node_id}`);
  const org = `/o/${api.orgId}`;
  return {
    whole,
    instance: {
      page: `${org}/runners/${runner.uid}/instances/${instance.uid}?`,
      api: `${runnerPath}/instance/${instance.uid}`,
    },
    runner: { page: `${org}/runners/${runner.uid}?`, api: runnerPath },
    node: { page: `${org}/nodes?node=${node.uid}&`, api: `/org/${api.orgId}/nodes/${node.uid}` },
  };
}

/** How long the range is that a request for usage names; 0 for any other request. */
function spanOf(answer: Response, path: string): number {
  const { pathname, searchParams } = new URL(answer.url());
  if (pathname !== `${path}/metrics` || !answer.ok()) return 0;
  return Date.parse(searchParams.get("to") ?? "") - Date.parse(searchParams.get("from") ?? "");
}

/** Four lines that lead somewhere, and what each means with its last value. */
async function expectLines(chart: Locator): Promise<void> {
  const lines = chart.locator("path.recharts-line-curve");
  await expect(lines).toHaveCount(4);
  for (const line of await lines.all()) {
    await expect(line).toHaveAttribute("d", /^M[\d.,]+[LC]/);
    // Not by its box: that of a level line has no height, and would count for hidden.
    expect(await line.evaluate((path) => (path as SVGPathElement).getTotalLength())).toBeGreaterThan(0);
  }
  for (const name of ["CPU, peak", "CPU", "Memory", "Disk"]) {
    await expect(chart.locator("figcaption > span").filter({ hasText: new RegExp(`^${name}\\d`) })).toContainText(
      /\d %$/,
    );
  }
}

async function chooseAndReload(page: Page, path: string): Promise<void> {
  const chart = page.locator("figure");
  await expectLines(chart);
  const asked = page.waitForResponse((answer) => spanOf(answer, path) === 15 * MINUTE_MS);
  await page.getByRole("combobox", { name: "Range" }).selectOption("15 min");
  const answer = (await (await asked).json()) as Metrics;
  expect(answer.points.length).toBeGreaterThan(1);
  // As the beat of these journeys has it measured.
  expect(answer.interval_secs).toBe(5);
  await expect(page).toHaveURL(/[?&]range=15m/);
  await expectLines(chart);

  const again = page.waitForResponse((response) => spanOf(response, path) > 0);
  await page.reload();
  expect(spanOf(await again, path)).toBe(15 * MINUTE_MS);
  await expect(page.getByRole("combobox", { name: "Range" })).toHaveValue("15m");
  await expectLines(chart);
}

for (const owner of ["instance", "runner", "node"] as const) {
  test(`the usage of one ${owner} is drawn, in the range that the address names`, async ({ page, request }) => {
    const api = await apiOf(request, ADA);
    const found = (await pasts(api))[owner];
    // Two samples make a line.
    await expect
      .poll(async () => (await api.get<Metrics>(`${found.api}/metrics?points=240`)).points.length, {
        timeout: 90_000,
      })
      .toBeGreaterThan(2);
    await signIn(page, ADA);
    await page.goto(`${found.page}tab=usage`);
    await chooseAndReload(page, found.api);
    await expectGoodOnEverySize(page, `usage of one ${owner}`);
    if (owner === "instance") return;

    // Of several instances, each moment says how many it is the mean of.
    const { points } = await api.get<Metrics>(`${found.api}/metrics?points=1`);
    expect(points[0]?.instances).toBeGreaterThan(0);
    await page
      .locator("figure .recharts-surface")
      .first()
      .hover({ position: { x: 300, y: 100 } });
    await page.locator("figure .recharts-wrapper").press("ArrowRight");
    await expect(page.locator(".recharts-tooltip-wrapper")).toContainText(/· \d+ instances?/);
  });
}

test("a list shows the CPU use of the last hour", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner } = await pasts(api);
  await signIn(page, ADA);
  await page.goto(runner.page);
  const spark = page.getByRole("table", { name: "Instances" }).getByTitle(/^CPU of the last hour; \d+\.\d % at last$/);
  await expect(spark.first()).toContainText(/^\d+ %$/);
  await expect(spark.first().locator("path[stroke-width='1.5']")).toHaveAttribute("d", /^M\d/);
});

test("a timeline tells how an instance came to be, and its details what it is", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { instance, runner, node, whole } = await pasts(api);
  const { items } = await api.get<{ items: { message: string; kind: string }[] }>(
    `${instance.api}/events?limit=100&sort=created_at&kind=state`,
  );
  const told = items.map((event) => event.message);
  expect(told[0]).toMatch(/^Created by ada@example\.org on node this-machine\.$/);
  expect(told.length).toBeGreaterThanOrEqual(4);

  await signIn(page, ADA);
  await page.goto(`${instance.page}tab=timeline`);
  const entries = page.getByRole("tabpanel", { name: "Timeline" }).locator("ol > li");
  await expect(entries.first()).toBeVisible();
  const shown = (await entries.allInnerTexts()).reverse();
  // Every step stands there, each after the one before it.
  let from = 0;
  for (const message of told) {
    const at = shown.findIndex((text, index) => index >= from && text.includes(message));
    expect(at, `“${message}” after entry ${from} of ${JSON.stringify(shown)}`).toBeGreaterThanOrEqual(from);
    from = at + 1;
  }

  await page.goto(`${instance.page}tab=inspect`);
  expect(whole.instance_identifier).toMatch(/^[0-9a-f]{64}$/);
  const fact = (term: string) =>
    page.locator("dt", { hasText: new RegExp(`^${term}$`) }).locator("xpath=following-sibling::dd[1]");
  await expect(fact("Container")).toContainText(whole.instance_identifier);
  await expect(fact("Image")).toContainText(whole.instance_meta.image);

  // The runner's and the node's tell the same, and whose it is.
  for (const owner of [runner, node]) {
    const first = await api.get<{ items: { message: string }[]; total: number }>(
      `${owner.api}/events?limit=1&sort=created_at&q=${encodeURIComponent("Created by")}`,
    );
    expect(first.items[0]?.message).toMatch(/^Created by ada@example\.org on node this-machine\.$/);
    await page.goto(`${owner.page}tab=timeline`);
    // Not those of the breadcrumb, which stand there before the timeline does.
    const entries = page.getByRole("tabpanel", { name: "Timeline" }).locator("ol > li");
    const earlier = page.getByRole("button", { name: "Show earlier" });
    const beginning = entries.filter({ hasText: told[0] ?? "-" }).filter({ hasText: whole.name });
    await expect(entries.first()).toBeVisible();
    while ((await beginning.count()) === 0) {
      const before = await entries.count();
      await earlier.click();
      await expect.poll(() => entries.count()).toBeGreaterThan(before);
    }
    await expectGoodOnEverySize(page, `timeline, ${owner.page}`);
    await beginning.getByRole("link", { name: whole.name }).click();
    await expect(page.getByRole("heading", { name: whole.name })).toBeVisible();
  }
});
