import { expect, type Page, test } from "@playwright/test";
import { type Storm, seedInstances, startStorm } from "./fleet-of-a-thousand";
import { stopProcess } from "./processes";
import { ADA, type Api, apiOf, type Named, signIn } from "./support";

/**
 * The page's figures with 1,000 instances. What issue 3 promises is demanded, the rest is printed. The worker
 * and the beat are away, so that nothing looks for containers that are not there.
 */
const INSTANCES = 1_000;
const LOADS = 7;
/** Whole rounds of the first rows there and back, so that the next change of each is one. */
const CHANGES = 80;
const STORM_SECONDS = 10;
/** Smooth is: nineteen of twenty pictures come this soon, and no more of the time than this a key would wait. */
const SMOOTH_FRAME_MS = 50;
const SMOOTH_BUSY_SHARE = 0.1;

type Row = { what: string; value: string; promised: string };
const rows: Row[] = [];

/** What was promised, and whether it is kept; asked at the very end, so that a miss hides no other figure. */
const kept: Record<string, boolean> = {};

/** A figure that is promised: printed with how much of its limit it takes. */
function promise(what: string, times: number[], share: "p50" | "p95", limitMs: number): void {
  const taken = shareOf(times, share === "p50" ? 0.5 : 0.95);
  const ratio = `${(taken / limitMs).toFixed(2)} of it`;
  rows.push({ what, value: `${summary(times)} ms`, promised: `promised: ${share} ${limitMs} ms, takes ${ratio}` });
  kept[`${what}: ${share} ${limitMs} ms`] = taken <= limitMs;
}

test.beforeAll(async ({ playwright, baseURL }) => {
  test.setTimeout(120_000);
  const request = await playwright.request.newContext({ baseURL: baseURL ?? "" });
  const onboarded = await request.post("/onboarding", { data: ADA });
  expect(onboarded.ok(), await onboarded.text()).toBe(true);
  await stopProcess("beat");
  await stopProcess("worker");
  const api = await apiOf(request, ADA);
  const org = `/org/${api.orgId}`;
  const node = await api.post<Named>(`${org}/nodes`, {
    name: "rack-1",
    type: "socket",
    socket_path: "/run/rack-1.sock",
    capacity: 100,
  });
  const credential = await api.post<Named>(`${org}/credentials`, { name: "none", secret: "sandbox" });
  const runner = await api.post<Named>(`${org}/runners`, {
    name: "builder",
    github_repo: "acme/web",
    credential_id: credential.uid,
    labels: ["linux"],
  });
  seedInstances({ count: INSTANCES, orgId: api.orgId, runnerId: runner.uid, nodeId: node.uid });
  expect((await api.get<{ total: number }>(`${org}/instances?limit=1`)).total).toBe(INSTANCES);
  await request.dispose();
});

test.afterAll(() => {
  const width = Math.max(...rows.map((row) => row.what.length));
  console.log(`\nThe page with ${INSTANCES.toLocaleString("en")} instances`);
  for (const { what, value, promised } of rows)
    console.log(`  ${what.padEnd(width)}  ${value.padStart(34)}  ${promised}`);
});

test("a list is usable soon after it is opened", async ({ page, request }) => {
  test.setTimeout(120_000);
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  for (const [what, path, sign] of [
    ["first list of instances", `/o/${api.orgId}/instances`, "tbody [data-status]"],
    ["overview", `/o/${api.orgId}`, '[aria-label="1,000 instances"]'],
  ] as const) {
    const times: number[] = [];
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
    for (let load = 0; load < LOADS; load += 1) {
      await page.goto(path, { waitUntil: "commit" });
      const shown = await page.waitForFunction(
        (selector) => document.querySelector(selector) && performance.now(),
        sign,
      );
      times.push(Number(await shown.jsonValue()));
    }
    promise(what, times, "p50", 1_000);
  }
});

test("a change shows soon after it was made, also while everything changes", async ({ page, request }) => {
  test.setTimeout(180_000);
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/instances?sort=name`);
  await expect(page.locator('[data-connection="live"]')).toBeVisible();
  const shown = await firstInstances(api);
  promise("API change to pixel", await changesToPixel(page, api, shown, CHANGES), "p95", 500);

  const storm: Storm = await startStorm(api.orgId, INSTANCES, STORM_SECONDS);
  const smooth = watchFrames(page, STORM_SECONDS * 1_000);
  let requests = 0;
  page.on("request", () => {
    requests += 1;
  });
  const during = await changesToPixel(page, api, shown, 20);
  const { gaps, busyMs } = await smooth;
  await storm.done;
  const load = `${INSTANCES / STORM_SECONDS} changes a second`;
  rows.push({ what: `the same at ${load}`, value: `${summary(during)} ms`, promised: "" });
  promise(`time between frames at ${load}`, gaps, "p95", SMOOTH_FRAME_MS);
  const busyShare = busyMs / (STORM_SECONDS * 1_000);
  rows.push(
    {
      what: "blocked by long tasks meanwhile",
      value: `${Math.round(busyMs)} of ${STORM_SECONDS * 1_000} ms`,
      promised: `promised: ${SMOOTH_BUSY_SHARE * 100} %, takes ${(busyShare / SMOOTH_BUSY_SHARE).toFixed(2)} of it`,
    },
    { what: "requests of the page meanwhile", value: String(requests), promised: "" },
  );
  kept["blocked by long tasks meanwhile: 10 %"] = busyShare <= SMOOTH_BUSY_SHARE;
});

test("what is promised is kept", () => {
  expect(kept).toEqual({
    "first list of instances: p50 1000 ms": true,
    "overview: p50 1000 ms": true,
    "API change to pixel: p95 500 ms": true,
    "time between frames at 100 changes a second: p95 50 ms": true,
    "blocked by long tasks meanwhile: 10 %": true,
  });
});

async function firstInstances(api: Api): Promise<Named[]> {
  return (await api.get<{ items: Named[] }>(`/org/${api.orgId}/instances?sort=name&limit=50`)).items;
}

/** From sending a change to the api to its word in the row, for one row after the other. */
async function changesToPixel(page: Page, api: Api, instances: Named[], count: number): Promise<number[]> {
  const times: number[] = [];
  for (let change = 0; change < count; change += 1) {
    const instance = instances[change % 20] as Named & { runner_id: string };
    const [status, word] = change % 40 < 20 ? (["busy", "Active"] as const) : (["idle", "Idle"] as const);
    // In the page, so that its own clock and its own painting count.
    const seen = page.evaluate(
      ({ name, word: expected }) =>
        new Promise<number>((resolve) => {
          const row = [...document.querySelectorAll("tbody tr")].find((each) => each.textContent?.includes(name));
          const look = () => {
            if (!row?.querySelector(`[data-status="${expected}"]`)) return;
            observer.disconnect();
            requestAnimationFrame(() => resolve(Date.now()));
          };
          const observer = new MutationObserver(look);
          observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
          look();
        }),
      { name: instance.name, word },
    );
    const sent = Date.now();
    await api.patch(`/org/${api.orgId}/runners/${instance.runner_id}/instance/${instance.uid}`, { status });
    times.push((await seen) - sent);
  }
  return times;
}

/** Gaps between frames, and how long the page was too busy to answer a key. */
function watchFrames(page: Page, forMs: number): Promise<{ gaps: number[]; busyMs: number }> {
  return page.evaluate(
    (length) =>
      new Promise((resolve) => {
        const gaps: number[] = [];
        let busyMs = 0;
        const observer = new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) busyMs += entry.duration - 50;
        });
        observer.observe({ type: "longtask" });
        const begin = performance.now();
        let before = begin;
        requestAnimationFrame(function frame(now) {
          gaps.push(now - before);
          before = now;
          if (now - begin < length) requestAnimationFrame(frame);
          else resolve({ gaps: gaps.slice(1), busyMs });
        });
      }),
    forMs,
  );
}

function shareOf(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
}

function summary(values: number[]): string {
  return `p50 ${shareOf(values, 0.5)}, p95 ${shareOf(values, 0.95)}, most ${shareOf(values, 1)}`;
}
