import { expect } from "@playwright/test";
import { expectGoodToUse } from "./accessibility";
import { EMPTY, INSIDE, OPENED, OUTSIDE, type Story, type Tab, test, type View } from "./pages";

/*
 * Every page is accessible in light and dark, fits its width and asks no other host; in the size of the project
 * that runs this.
 */

const title = ({ name, only }: View) => `${name} is good to use${only ? ` @${only}` : ""}`;
for (const view of OUTSIDE) test(title(view), ({ stranger, story }) => check(view, stranger, story));
for (const view of INSIDE) test(title(view), ({ ada, story }) => check(view, ada, story));
for (const view of OPENED) test(title(view), ({ ada, story }) => check(view, ada, story));
for (const view of EMPTY) test(title(view), ({ founder }) => check(view, founder, founder.story));

async function check(view: View, { page, troubles }: Tab, story: Story): Promise<void> {
  const words = (given: View["heading"]) => (typeof given === "function" ? given(story) : given);
  troubles();
  await page.goto(view.path(story));
  await expect(page.getByRole("heading", { name: words(view.heading) }).first()).toBeVisible();
  if (view.says) await expect(page.getByText(view.says)).toBeVisible();
  for (const [role, name] of view.press ?? []) await page.getByRole(role, { name }).first().click();
  if (view.opens) {
    const opened = page.getByRole("dialog").or(page.getByRole("alertdialog"));
    await expect(opened.getByText(words(view.opens)).first()).toBeVisible();
  }
  await expectGoodToUse(page, view.name);
  expect(troubles()).toEqual({ foreign: [], broken: [] });
}
