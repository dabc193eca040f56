import { expect, test } from "@playwright/test";
import { ADA, apiOf, firstRunner, signIn, violationsOf, watch } from "./support";

// Most of the time goes here, and nothing here changes anything.
test.describe.configure({ mode: "parallel" });

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  test(`every page on a ${size} is accessible in light and dark, fits its width and asks no other host`, async ({
    page,
    request,
    baseURL,
  }) => {
    test.setTimeout(240_000);
    await page.setViewportSize(viewport);
    const api = await apiOf(request, ADA);
    const { runner, instance } = await firstRunner(api);
    const seen = watch(page, baseURL ?? "");

    await page.goto("/sign-in");
    await check("/sign-in", "Sign in");
    await page.goto("/register");
    await check("/register", "Create an account");
    await signIn(page, ADA);

    const org = `/o/${api.orgId}`;
    const instancePath = `${org}/runners/${runner.uid}/instances/${instance.uid}`;
    const node = (await api.get<{ items: { uid: string }[] }>(`/org/${api.orgId}/nodes?q=this-machine`)).items[0];
    const pages: [string, string][] = [
      [org, "Overview"],
      [`${org}/runners`, "Runners"],
      [`${org}/runners?create=1`, "Create runner"],
      [`${org}/runners/${runner.uid}`, runner.name],
      [`${org}/instances`, "Instances"],
      [instancePath, instance.name],
      [`${instancePath}?tab=timeline`, instance.name],
      [`${instancePath}?tab=logs`, instance.name],
      [`${instancePath}?tab=inspect`, instance.name],
      [`${org}/nodes`, "Nodes"],
      [`${org}/nodes?node=${node?.uid}`, "this-machine"],
      [`${org}/nodes?create=1`, "Add node"],
      [`${org}/credentials`, "GitHub credentials"],
      [`${org}/members`, "Members"],
      [`${org}/audit`, "Audit log"],
      [`${org}/settings`, "Settings"],
      [`${org}/profile`, "Profile"],
      [`${org}/no-such-page`, "There is nothing here"],
      ["/o/01890a5d-ac96-774b-bcce-b302099a8057", "There is nothing here"],
      ["/welcome?new=1", "Name your organisation"],
    ];
    for (const [path, heading] of pages) {
      await page.goto(path);
      await check(path, heading);
    }
    expect(seen).toEqual({ foreign: [], broken: [] });

    async function check(path: string, heading: string): Promise<void> {
      await expect(page.getByRole("heading", { name: heading }).first()).toBeVisible();
      await expect(page.locator('[data-slot="skeleton"]')).toHaveCount(0);
      expect.soft(await violationsOf(page), path).toEqual([]);
      const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      expect.soft(tooWide, `${path} scrolls sideways`).toBe(false);
    }
  });
}

test("the palette and the shortcuts work without a mouse", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.waitForURL(`**/o/${api.orgId}/nodes`);
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(sheet).toBeVisible();
  expect(await violationsOf(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("dialog").getByRole("combobox").fill("builder");
  await page
    .getByRole("option", { name: /builder/ })
    .first()
    .waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "builder" })).toBeVisible();
});
