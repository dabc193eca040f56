import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, type Page } from "@playwright/test";
import type axe from "axe-core";
import { SIZES } from "./sizes";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * What axe finds wrong on the page, or in a part of it, in dark and in light, each with where. Leaves it light.
 *
 * It runs in the page itself: the page has no frames, and the builder of @axe-core/playwright opens a window of
 * its own for every result, which takes three times as long as the looking.
 */
export async function violationsOf(page: Page, within?: string): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found: string[] = [];
  for (const theme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    found.push(...(await page.evaluate(lookAt, { theme, tags: TAGS, within })));
  }
  return found;
}

type Look = { theme: "dark" | "light"; tags: string[]; within: string | undefined };

/** In the page: waits until it has taken the theme, then looks. Nothing moves, so that all colours hold at once. */
async function lookAt({ theme, tags, within }: Look): Promise<string[]> {
  const isTaken = () => document.documentElement.classList.contains("dark") === (theme === "dark");
  const nextPicture = () => new Promise((drawn) => requestAnimationFrame(drawn));
  const end = performance.now() + 30_000;
  while (!isTaken()) {
    if (performance.now() > end) throw new Error(`the page did not become ${theme}`);
    await nextPicture();
  }
  await nextPicture();
  const { axe: looker } = window as unknown as { axe: typeof axe };
  const { violations } = await looker.run(within ?? document, { runOnly: tags, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => `${theme}, ${id}: ${nodes.map((node) => node.target).join(", ")}`);
}

/** The page as it stands is accessible in both themes and no wider than the screen. */
export async function expectGoodToUse(page: Page, what: string): Promise<void> {
  await expect(page.locator('[data-slot="skeleton"]')).toHaveCount(0);
  // While a menu is open there is nothing but it: the rest neither takes the focus nor is read out.
  const menu = '[role="menu"]';
  const within = (await page.locator(menu).count()) > 0 ? menu : undefined;
  expect.soft(await violationsOf(page, within), what).toEqual([]);
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  expect.soft(tooWide, `${what} scrolls sideways`).toBe(false);
}

/** The same on a desktop and on a phone, for what is hard to get back to. */
export async function expectGoodOnEverySize(page: Page, what: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await expectGoodToUse(page, `${what}, ${size}`);
  }
  await page.setViewportSize(SIZES.desktop);
}
