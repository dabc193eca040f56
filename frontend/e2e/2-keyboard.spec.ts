import { expect, test } from "@playwright/test";
import { violationsOf } from "./accessibility";
import { ADA, apiOf, signIn } from "./support";

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
