import { expect } from "@playwright/test";
import { expectGoodToUse } from "./accessibility";
import { INSIDE, OUTSIDE, type Story, type Tab, test, type View } from "./pages";

/*
 * Every page is accessible in light and dark, fits its width and asks no other host; in the size of the project
 * that runs this.
 */

for (const view of OUTSIDE) test(`${view.name} is good to use`, ({ stranger, story }) => check(view, stranger, story));
for (const view of INSIDE) test(`${view.name} is good to use`, ({ ada, story }) => check(view, ada, story));

async function check(view: View, { page, troubles }: Tab, story: Story): Promise<void> {
  troubles();
  await page.goto(view.path(story));
  const name = typeof view.heading === "string" ? view.heading : view.heading(story);
  await expect(page.getByRole("heading", { name }).first()).toBeVisible();
  await expectGoodToUse(page, view.name);
  expect(troubles()).toEqual({ foreign: [], broken: [] });
}
