import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { ADA, apiOf, firstRunner, signIn } from "./support";

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"] as const) {
    test.describe(`${size}, ${colorScheme}`, () => {
      test.use({ viewport, colorScheme });

      test("every page is accessible, fits its width and asks no other host", async ({ page, request, baseURL }) => {
        test.setTimeout(240_000);
        const api = await apiOf(request, ADA);
        const { runner, instance } = await firstRunner(api);
        const foreign: string[] = [];
        page.on("request", (asked) => {
          const { protocol, origin } = new URL(asked.url());
          if (protocol.startsWith("http") && origin !== new URL(baseURL ?? "").origin) foreign.push(asked.url());
        });
        const broken: string[] = [];
        page.on("pageerror", (error) => broken.push(error.message));

        await page.goto("/sign-in");
        await check("/sign-in", "Sign in");
        await page.goto("/register");
        await check("/register", "Create an account");
        await signIn(page, ADA);

        const org = `/o/${api.orgId}`;
        const instancePath = `${org}/runners/${runner.uid}/instances/${instance.uid}`;
        const pages: [string, string][] = [
          [org, "Overview"],
          [`${org}/runners`, "Runners"],
          [`${org}/runners?create=1`, "Create runner"],
          [`${org}/runners/${runner.uid}`, runner.name],
          [instancePath, instance.name],
          [`${instancePath}?tab=timeline`, instance.name],
          [`${instancePath}?tab=logs`, instance.name],
          [`${instancePath}?tab=inspect`, instance.name],
          [`${org}/nodes`, "Nodes"],
          [`${org}/nodes?create=1`, "Add node"],
          [`${org}/credentials`, "GitHub credentials"],
          [`${org}/members`, "Members"],
          [`${org}/audit`, "Audit log"],
          [`${org}/settings`, "Settings"],
          [`${org}/profile`, "Profile"],
          [`${org}/no-such-page`, "There is nothing here"],
          ["/welcome?new=1", "Name your organisation"],
        ];
        for (const [path, heading] of pages) {
          await page.goto(path);
          await check(path, heading);
        }
        expect(foreign).toEqual([]);
        expect(broken).toEqual([]);

        async function check(path: string, heading: string): Promise<void> {
          await expect(page.getByRole("heading", { name: heading }).first()).toBeVisible();
          await expect(page.locator('[data-slot="skeleton"]')).toHaveCount(0);
          const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
          expect.soft(found, path).toEqual([]);
          const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
          expect.soft(tooWide, `${path} scrolls sideways`).toBe(false);
        }
      });
    });
  }
}

test("the palette and the shortcuts work without a mouse", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.waitForURL(`**/o/${api.orgId}/nodes`);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("dialog").getByRole("combobox").fill("builder");
  await page.getByRole("option", { name: /builder/ }).waitFor();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "builder" })).toBeVisible();
});
