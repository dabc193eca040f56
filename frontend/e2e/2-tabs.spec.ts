import { type BrowserContext, expect, type Page, test } from "@playwright/test";
import { ADA, apiOf, type Named, signIn } from "./support";

const live = (page: Page) => page.locator('[data-connection="live"]');

/** A browser without a window shows every tab as seen; this puts one out of sight, as another in front of it would. */
async function show(page: Page, state: DocumentVisibilityState): Promise<void> {
  await page.evaluate((next) => {
    Object.defineProperty(document, "visibilityState", { value: next, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}

async function openTab(context: BrowserContext, path: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(path);
  await expect(page.getByRole("heading", { name: "Nodes" })).toBeVisible();
  await expect(live(page)).toBeVisible();
  return page;
}

test("nine tabs work where the browser opens six connections, and each catches up when it is seen", async ({
  page,
  request,
  context,
}) => {
  const api = await apiOf(request, ADA);
  const name = "seen-in-every-tab";
  const path = `/o/${api.orgId}/nodes?q=${name}`;
  await signIn(page, ADA);
  await page.goto(path);
  await expect(live(page)).toBeVisible();
  const tabs = [page];
  for (let tab = 1; tab < 9; tab += 1) {
    await show(tabs[tab - 1] as Page, "hidden");
    tabs.push(await openTab(context, path));
  }

  const node = await api.post<Named>(`/org/${api.orgId}/nodes`, {
    name,
    type: "socket",
    socket_path: "/run/none.sock",
  });
  const [first, last] = [tabs[0] as Page, tabs[8] as Page];
  await expect(last.getByRole("row").filter({ hasText: name })).toBeVisible();
  // What is out of sight holds no connection and asks nothing.
  let asked = 0;
  first.on("request", () => {
    asked += 1;
  });
  await api.post(`/org/${api.orgId}/nodes/${node.uid}/check`, {});
  await expect(last.getByRole("row").filter({ hasText: name }).locator('[data-status="Unreachable"]')).toBeVisible();
  await expect(first.locator('[data-connection="catching-up"]')).toBeAttached();
  expect(asked).toBe(0);

  await show(last, "hidden");
  await show(first, "visible");
  await expect(live(first)).toBeVisible();
  await expect(first.getByRole("row").filter({ hasText: name })).toBeVisible();
  await api.delete(`/org/${api.orgId}/nodes/${node.uid}`);
  await expect(first.getByRole("row").filter({ hasText: name })).toHaveCount(0);
});
