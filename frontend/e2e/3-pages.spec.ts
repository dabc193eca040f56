import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@playwright/test";
import { matchPath } from "react-router";
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

/** Every path of Routes.tsx as it is in the address, those inside of an organisation first. */
function knownPaths(): string[] {
  const source = readFileSync(join(import.meta.dirname, "../src/Routes.tsx"), "utf8");
  const [inside = "", outside = ""] = source.split("export const router");
  const paths = (part: string, before: string) =>
    [...part.matchAll(/path: "([^"]+)"/g)].map(([, path]) => `${before}/${path}`);
  return [...paths(inside, "/o/:orgId"), ...paths(outside, "")];
}

test("no page is left out", ({ story }) => {
  const looked = [...OUTSIDE, ...INSIDE].map((view) => new URL(view.path(story), "http://page").pathname);
  const known = knownPaths();
  expect(known.length).toBeGreaterThan(15);
  const named = known.filter((path) => !path.endsWith("/*"));
  const isNamed = (pathname: string) => named.some((path) => matchPath(path, pathname));
  const leftOut = known.filter((path) => {
    if (!path.endsWith("/*")) return !looked.some((pathname) => matchPath(path, pathname));
    // What leads nowhere is what no other path matches.
    return !looked.some((pathname) => matchPath(path, pathname) && !isNamed(pathname));
  });
  expect(leftOut).toEqual([]);
});

async function check(view: View, { page, troubles }: Tab, story: Story): Promise<void> {
  const words = (given: View["heading"]) => (typeof given === "function" ? given(story) : given);
  troubles();
  await page.goto(view.path(story));
  await expect(page.getByRole("heading", { name: words(view.heading) }).first()).toBeVisible();
  if (view.says) await expect(page.getByText(view.says)).toBeVisible();
  for (const [role, name] of view.press ?? []) await page.getByRole(role, { name }).first().click();
  for (const key of view.keys ?? []) await page.keyboard.press(key);
  if (view.opens) {
    const opened = page.getByRole("dialog").or(page.getByRole("alertdialog")).or(page.getByRole("menu"));
    await expect(opened.getByText(words(view.opens)).first()).toBeVisible();
  }
  await expectGoodToUse(page, view.name);
  expect(troubles()).toEqual({ foreign: [], broken: [] });
}
