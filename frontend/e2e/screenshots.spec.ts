import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { makePictureFleet } from "./picture-fleet";
import { stopProcess } from "./processes";
import { ADA, apiOf, signIn } from "./support";

/** Pictures of the main pages, light and dark, for the README and the documentation. */
const FOLDER = join(import.meta.dirname, "../../docs/screenshots");
const MOST_BYTES = 150_000;

test.use({ viewport: { width: 1300, height: 720 } });

test("the main pages, to be shown in the documentation", async ({ page, request }) => {
  test.setTimeout(180_000);
  const onboarded = await request.post("/onboarding", { data: ADA });
  expect(onboarded.ok(), await onboarded.text()).toBe(true);
  // What is painted here has no containers: nobody may be sent to look for them.
  const startBeat = await stopProcess("beat");
  const api = await apiOf(request, ADA);
  const { runner, instance } = await makePictureFleet(api);
  mkdirSync(FOLDER, { recursive: true });
  await signIn(page, ADA);
  const org = `/o/${api.orgId}`;
  const rackOne = (await api.get<{ items: { uid: string }[] }>(`/org/${api.orgId}/nodes?q=rack-1`)).items[0]?.uid;
  const pages: Record<string, string> = {
    overview: org,
    instances: `${org}/instances`,
    instance: `${org}/runners/${runner.uid}/instances/${instance}`,
    nodes: `${org}/nodes?node=${rackOne}`,
    runner: `${org}/runners/${runner.uid}`,
    // The step that finds this machine's engine, of an organisation that has nothing yet.
    wizard: `/welcome?org=${(await api.post<{ uid: string }>("/org", { name: "Acme Labs" })).uid}`,
  };
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(path);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await expect(page.getByRole("heading").first()).toBeVisible();
      await expect(page.locator('[data-slot="skeleton"]')).toHaveCount(0);
      if (name === "wizard")
        await expect(page.getByRole("button", { name: "Use it" })).toBeVisible({ timeout: 60_000 });
      else await expect(page.locator('[data-connection="live"]')).toBeVisible();
      // Every sparkline that will be there is there.
      await expect(page.locator("[data-waits]")).toHaveCount(0);
      const file = join(FOLDER, `${name}-${colorScheme}.png`);
      await page.screenshot({ path: file, animations: "disabled" });
      expect(statSync(file).size, file).toBeLessThan(MOST_BYTES);
    }
  }
  await startBeat();
});
