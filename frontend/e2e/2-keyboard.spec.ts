import { expect, test } from "@playwright/test";
import { expectGoodOnEverySize, violationsOf } from "./accessibility";
import { ADA, apiOf, signIn, tabTo } from "./support";

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

test("single keys can be turned off, and what needs no single key goes on", async ({ page, request, context }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  const other = await context.newPage();
  await other.goto(`/o/${api.orgId}`);
  await expect(other.getByRole("heading", { name: "Overview" })).toBeVisible();

  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  const single = sheet.getByRole("switch", { name: "Single-key shortcuts" });
  await tabTo(page, single);
  await page.keyboard.press("Space");
  await expect(single).not.toBeChecked();
  await expectGoodOnEverySize(page, "the sheet without single keys");
  await page.keyboard.press("Escape");

  // In this tab, in another one, and after a reload.
  await page.reload();
  for (const each of [page, other]) {
    await expect(each.getByRole("heading", { name: "Overview" })).toBeVisible();
    for (const key of ["g", "n", "?"]) await each.keyboard.press(key);
    await each.keyboard.press("ControlOrMeta+k");
    await expect(each.getByRole("dialog").getByRole("combobox")).toBeVisible();
    await each.keyboard.press("Escape");
    await expect(each.getByRole("dialog")).toHaveCount(0);
    expect(new URL(each.url()).pathname).toBe(`/o/${api.orgId}`);
  }

  await page.goto(`/o/${api.orgId}/profile`);
  await page.getByRole("switch", { name: "Single-key shortcuts" }).click();
  await page.getByRole("heading", { name: "Profile" }).click();
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.waitForURL(`**/o/${api.orgId}/nodes`);
});
