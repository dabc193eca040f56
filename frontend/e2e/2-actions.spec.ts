import { expect, type Locator, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { ADA, type Api, apiOf, likeTheFirst, type Named, signIn } from "./support";

/* What can be done with instances and runners, done through the page, each seen to have come true. */

const badge = (on: Page | Locator, word: string) => on.locator(`[data-status="${word}"]`).first();

/** Types the name where it is asked for, and presses what the dialog offers. */
async function confirm(page: Page, title: string, action: string, name?: string): Promise<void> {
  const dialog = page.getByRole("alertdialog", { name: title });
  if (name !== undefined) {
    await expect(dialog.getByRole("button", { name: action })).toBeDisabled();
    await dialog.getByRole("textbox").fill(name);
  }
  await dialog.getByRole("button", { name: action }).click();
  await expect(dialog).toHaveCount(0);
}

async function instancesOf(api: Api, runner: Named, count: number): Promise<[Named, Named]> {
  const path = `/org/${api.orgId}/runners/${runner.uid}/instance`;
  const made: Named[] = [];
  for (let each = 0; each < count; each += 1) made.push(await api.post<Named>(path, {}));
  return made as [Named, Named];
}

test("an instance is stopped, started, restarted and removed; many at once as well", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const runner = await likeTheFirst(api, { name: "acted-on", github_repo: "acme/acted-on", max_instances: 3 });
  const [one, other] = await instancesOf(api, runner, 2);
  const inRunner = `/o/${api.orgId}/runners/${runner.uid}`;
  await signIn(page, ADA);

  await page.goto(`${inRunner}/instances/${one.uid}?tab=inspect`);
  await expect(badge(page, "Idle")).toBeVisible({ timeout: 90_000 });
  const container = page.getByRole("definition").filter({ has: page.getByRole("button", { name: /container id/i }) });
  const first = await container.textContent();
  const start = page.getByRole("button", { name: "Start", exact: true });
  await expect(start).toHaveAttribute("aria-disabled", "true");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await confirm(page, `Stop ${one.name}?`, "Stop");
  await expect(badge(page, "Stopped")).toBeVisible({ timeout: 90_000 });
  await start.click();
  await expect(badge(page, "Idle")).toBeVisible({ timeout: 90_000 });
  const second = await container.textContent();
  expect(second).not.toBe(first);
  await page.getByRole("button", { name: "Restart", exact: true }).click();
  await confirm(page, `Restart ${one.name}?`, "Restart");
  await expect(container).not.toHaveText(second ?? "", { timeout: 90_000 });
  await expect(badge(page, "Idle")).toBeVisible({ timeout: 90_000 });

  // Both at once, from the list.
  await page.getByRole("link", { name: "acted-on" }).click();
  const rows = page.getByRole("table", { name: "Instances" }).locator("tbody tr");
  await expect(rows.locator('[data-status="Idle"]')).toHaveCount(2, { timeout: 90_000 });
  const both = async (action: "Stop" | "Start") => {
    await page.getByRole("checkbox", { name: "Select all on this page" }).click();
    await expect(page.getByText("2 selected")).toBeVisible();
    await page.getByRole("button", { name: action, exact: true }).click();
    const dialog = page.getByRole("alertdialog", { name: `${action} 2 instances?` });
    for (const { name } of [one, other]) await expect(dialog.getByText(name)).toBeVisible();
    await dialog.getByRole("button", { name: action }).click();
    await expect(dialog.getByText("2 of 2 done.")).toBeVisible();
    await expect(dialog.getByLabel("done")).toHaveCount(2);
    return dialog;
  };
  const dialog = await both("Stop");
  await expectGoodOnEverySize(page, "what became of many");
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(rows.locator('[data-status="Stopped"]')).toHaveCount(2, { timeout: 90_000 });

  // One goes from the row's menu, which says of the rest why not.
  await rows
    .filter({ hasText: other.name })
    .getByRole("button", { name: /^Actions for/ })
    .click();
  await expect(page.getByRole("menuitem", { name: "Stop" })).toContainText("It has stopped already.");
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await confirm(page, `Remove ${other.name}?`, "Remove", other.name);
  await expect(rows.filter({ hasText: other.name })).toHaveCount(0, { timeout: 90_000 });

  // The other from its own page, which stays and says that it is no longer there.
  await page.getByRole("link", { name: one.name }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await confirm(page, `Remove ${one.name}?`, "Remove", one.name);
  await expect(page.getByText("It was removed.")).toBeVisible({ timeout: 90_000 });
  await expect(badge(page, "Removed")).toBeVisible();
  await expect(start).toHaveAttribute("aria-disabled", "true");
});

test("a runner is cloned, and both are deleted: one from its page, the other from the list", async ({
  page,
  request,
}) => {
  const api = await apiOf(request, ADA);
  const runner = await likeTheFirst(api, { name: "original", github_repo: "acme/original", labels: ["cloned"] });
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/runners/${runner.uid}`);
  await page.getByRole("button", { name: "Clone" }).click();
  const form = page.getByRole("dialog", { name: "Clone original" });
  // The server's own words stand at the field it refuses.
  await form.getByLabel("Name").fill("original");
  await form.getByRole("button", { name: "Clone" }).click();
  await expect(form.getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await form.getByLabel("Name").fill("original-copy");
  await form.getByRole("button", { name: "Clone" }).click();
  await expect(page.getByRole("heading", { name: "original-copy" })).toBeVisible();
  expect(page.url()).not.toContain(runner.uid);
  await expect(page.getByLabel("runs-on snippet", { exact: true })).toContainText("cloned");
  await expect(page.getByText("acme/original").first()).toBeVisible();

  await page.getByRole("button", { name: "Delete runner" }).click();
  await confirm(page, "Delete the runner original-copy?", "Delete runner", "original-copy");
  await page.waitForURL(`**/o/${api.orgId}/runners`);
  await expect(page.getByRole("link", { name: "builder", exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "original-copy" })).toHaveCount(0);

  await page.getByRole("checkbox", { name: "Select original", exact: true }).click();
  await page.getByRole("button", { name: "Delete runner" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Delete 1 runner?" });
  await dialog.getByLabel("Type original to confirm.").fill("original");
  await dialog.getByRole("button", { name: "Delete runner" }).click();
  await expect(dialog.getByText("1 of 1 done.")).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("link", { name: "original", exact: true })).toHaveCount(0);
});
