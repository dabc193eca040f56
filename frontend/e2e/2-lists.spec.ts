import { randomUUID } from "node:crypto";
import { expect, type Page, test } from "@playwright/test";
import { type Api, type Named, personOf, registered, signIn } from "./support";

/*
 * The lists of runners, instances and nodes, in an organisation that has more of each than fits on a page; and
 * what failed there.
 */

/** A test that fails gets the next one a fleet of its own. */
const RUN = randomUUID();
const MARGARET = personOf("Margaret Hamilton", `margaret-${RUN}@example.org`);
/** One more than the shortest page holds. */
const MANY = 26;
/** An image that no registry has: nothing listens there. */
const NO_IMAGE = "127.0.0.1:9/no-such-image:latest";

let org = "";
let failing: Named & { runner_id: string };

/** Several at a time, as the api limits how many changes come in a second. */
async function makeMany<T>(count: number, make: (n: string) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let n = 1; n <= count; n += 1) made.push(await make(String(n).padStart(2, "0")));
  return made;
}

test.beforeAll(async ({ playwright, baseURL }) => {
  test.setTimeout(120_000);
  const request = await playwright.request.newContext({ baseURL: baseURL ?? "" });
  const api = await registered(request, MARGARET);
  const { uid } = await api.post<{ uid: string }>("/org", { name: `Apollo ${RUN}` });
  org = uid;
  await makeFleet(api, `/org/${uid}`);
  await request.dispose();
});

async function makeFleet(api: Api, path: string): Promise<void> {
  const here = await api.post<Named>(`${path}/nodes`, {
    name: "here",
    type: "socket",
    socket_path: "/var/run/docker.sock",
    capacity: MANY + 1,
  });
  const credential = await api.post<Named>(`${path}/credentials`, { name: "sandbox", secret: "sandbox" });
  const recipe = { github_repo: "acme/apollo", credential_id: credential.uid, docker_image: NO_IMAGE };
  const runners = await makeMany(MANY, (n) =>
    api.post<Named>(`${path}/runners`, { ...recipe, name: `recipe-${n}`, max_instances: MANY + 1 }),
  );
  await makeMany(MANY - 1, (n) => {
    const node = { name: `rack-${n}`, type: "socket", socket_path: `/run/rack-${n}.sock` };
    return api.post<Named>(`${path}/nodes`, node);
  });
  const checked = () => api.get<{ status: string }>(`${path}/nodes/${here.uid}`);
  await expect.poll(async () => (await checked()).status, { timeout: 60_000 }).toBe("active");
  // None of them ever has a container: all but one are stopped before one could be made.
  const instances = await makeMany(MANY + 1, async () => {
    const of = `${path}/runners/${runners[0]?.uid}/instance`;
    return { path: of, ...(await api.post<Named & { runner_id: string }>(of, {})) };
  });
  for (const { path: of, uid } of instances.slice(1)) await api.post(`${of}/${uid}/stop`, {});
  failing = instances[0] as (typeof instances)[number];
  const stopped = () => api.get<{ total: number }>(`${path}/instances?state=stopped`);
  await expect.poll(async () => (await stopped()).total, { timeout: 90_000 }).toBe(MANY);
}

type List = {
  name: string;
  total: number;
  /** A filter and a choice, with how many rows fit it. */
  filter: { label: string; choice: string; value: string; rows: number };
  /** A column that is there at first, and one that is not. */
  columns: { shown: string; hidden?: string };
};

const LISTS: List[] = [
  {
    name: "Runners",
    total: MANY,
    filter: { label: "Jobs", choice: "Runs a job", value: "status=busy", rows: 0 },
    columns: { shown: "Labels" },
  },
  {
    name: "Instances",
    total: MANY + 1,
    filter: { label: "State", choice: "Stopped", value: "state=stopped", rows: MANY },
    columns: { shown: "Heartbeat", hidden: "Container" },
  },
  {
    name: "Nodes",
    total: MANY,
    filter: { label: "Status", choice: "Ready", value: "status=active", rows: 1 },
    columns: { shown: "Engine" },
  },
];

for (const list of LISTS) {
  test(`the list of ${list.name.toLowerCase()} is sorted, paged, filtered and searched by its address, and keeps its columns`, async ({
    page,
  }) => {
    await signIn(page, MARGARET);
    await page.goto(`/o/${org}/${list.name.toLowerCase()}`);
    const table = page.getByRole("table", { name: list.name });
    const header = (name: string) => table.getByRole("columnheader", { name, exact: true });
    const parameters = () => decodeURIComponent(new URL(page.url()).search).slice(1).split("&").sort();
    const reads = (...expected: string[]) => expect.poll(parameters).toEqual(expected.sort());
    await expect(table).toHaveAttribute("aria-busy", "false");

    // Upwards, downwards, and the list's own order again.
    const sort = header("Name").getByRole("button");
    await sort.click();
    await expect(header("Name")).toHaveAttribute("aria-sort", "ascending");
    await reads("sort=name");
    const names = await namesIn(page, list);
    expect(names).toEqual([...names].sort());
    await sort.click();
    await expect(header("Name")).toHaveAttribute("aria-sort", "descending");
    await expect.poll(() => namesIn(page, list)).toEqual([...names].reverse());
    await sort.click();
    await expect(header("Name")).toHaveAttribute("aria-sort", "none");
    await reads("");
    await sort.click();

    // The next page, and back by the browser's own button.
    await page.getByLabel("Rows", { exact: true }).selectOption({ label: "25 rows" });
    await expect(page.getByText(`1–25 of ${list.total}`)).toBeVisible();
    await reads("size=25", "sort=name");
    await expect(page.getByRole("button", { name: "Previous page" })).toBeDisabled();
    await page.getByRole("button", { name: "Next page" }).click();
    await expect(page.getByText(`26–${list.total} of ${list.total}`)).toBeVisible();
    await reads("page=2", "size=25", "sort=name");
    expect(await namesIn(page, list)).toEqual(names.slice(25));
    await expect(page.getByRole("button", { name: "Next page" })).toBeDisabled();
    await page.goBack();
    await expect(page.getByText(`1–25 of ${list.total}`)).toBeVisible();
    await page.goForward();
    await expect(page.getByText(`26–${list.total} of ${list.total}`)).toBeVisible();

    // Columns, which are this browser's.
    const { shown, hidden } = list.columns;
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("menuitemcheckbox", { name: shown, exact: true }).click();
    if (hidden) await page.getByRole("menuitemcheckbox", { name: hidden, exact: true }).click();
    await page.keyboard.press("Escape");
    const columnsAreChosen = async () => {
      await expect(header("Name")).toBeVisible();
      await expect(header(shown)).toHaveCount(0);
      if (hidden) await expect(header(hidden)).toBeVisible();
    };
    await columnsAreChosen();

    // A filter starts at the first page; all of it is there after a reload.
    const { label, choice, value, rows } = list.filter;
    await page.getByLabel(label, { exact: true }).selectOption({ label: choice });
    await reads("size=25", "sort=name", value);
    const isFiltered = async () => {
      if (rows === 0) await expect(page.getByText("Nothing matches")).toBeVisible();
      else await expect(page.getByText(`1–${Math.min(25, rows)} of ${rows}`)).toBeVisible();
    };
    await isFiltered();
    await page.reload();
    await isFiltered();
    await expect(page.getByLabel(label, { exact: true }).locator("option:checked")).toHaveText(choice);
    await expect(header("Name")).toHaveAttribute("aria-sort", "ascending");
    await columnsAreChosen();

    // A search beside the filter finds nothing here; without both, all is there again.
    await page.getByLabel(`Search ${list.name.toLowerCase()}`).fill("no-such-name");
    await reads("q=no-such-name", "size=25", "sort=name", value);
    await expect(page.getByText("Nothing matches")).toBeVisible();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await reads("");
    await expect(page.getByText(`1–${list.total} of ${list.total}`)).toBeVisible();
    const wanted = names[3] ?? "";
    await page.getByLabel(`Search ${list.name.toLowerCase()}`).fill(wanted);
    await expect.poll(() => namesIn(page, list)).toEqual([wanted]);
    await page.getByRole("button", { name: "Clear search" }).click();
    await expect(page.getByText(`1–${list.total} of ${list.total}`)).toBeVisible();
  });
}

/** The names in the rows as they stand, once they are the ones that were asked for. */
async function namesIn(page: Page, { name }: List): Promise<string[]> {
  const table = page.getByRole("table", { name });
  await expect(table).toHaveAttribute("aria-busy", "false");
  return table.locator("tbody tr td:nth-child(2)").allTextContents();
}

test("an instance whose image does not exist stands on the overview with the cause, and leads to what happened", async ({
  page,
}) => {
  await signIn(page, MARGARET);
  await page.goto(`/o/${org}`);
  const failure = page.getByRole("listitem").filter({ hasText: failing.name });
  await expect(failure).toContainText(`no registry access for the image ${NO_IMAGE}`, {
    ignoreCase: true,
    timeout: 120_000,
  });
  await expect(failure).toContainText("docker load");
  await expect(page.getByRole("link", { name: /^1 Failed/ })).toBeVisible();
  await failure.getByRole("link", { name: failing.name }).click();
  await page.waitForURL(`**/o/${org}/runners/${failing.runner_id}/instances/${failing.uid}?tab=timeline`);
  await expect(page.getByRole("heading", { name: failing.name })).toBeVisible();
  await expect(page.locator('[data-status="Failed"]').first()).toBeVisible();
  await expect(page.getByRole("tabpanel").getByText(NO_IMAGE).first()).toBeVisible();
});
