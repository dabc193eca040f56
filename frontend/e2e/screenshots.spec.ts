import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { ADA, apiOf, firstRunner, signIn } from "./support";

/** Pictures of the main pages, light and dark, of a system that the journeys have filled; into SCREENSHOTS_DIR. */
const folder = process.env.SCREENSHOTS_DIR ?? "test-results";

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme, viewport: { width: 1360, height: 850 } });

    test("the main pages, to be shown in the documentation", async ({ page, request }) => {
      const api = await apiOf(request, ADA);
      const { runner, instance } = await firstRunner(api);
      await signIn(page, ADA);
      const org = `/o/${api.orgId}`;
      const instancePath = `${org}/runners/${runner.uid}/instances/${instance.uid}`;
      const pages: Record<string, string> = {
        overview: org,
        runner: `${org}/runners/${runner.uid}`,
        instance: instancePath,
        timeline: `${instancePath}?tab=timeline`,
        logs: `${instancePath}?tab=logs`,
        nodes: `${org}/nodes`,
        members: `${org}/members`,
      };
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(path);
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
        await expect(page.locator('[data-slot="skeleton"]')).toHaveCount(0);
        await expect(page.locator('[data-connection="live"]')).toBeVisible();
        await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
      }
    });
  });
}
