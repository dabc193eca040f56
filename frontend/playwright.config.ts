import { defineConfig } from "@playwright/test";

/**
 * Journeys against a really running system: BASE_URL is the address of a fresh one (no account yet) with a
 * worker, a Docker engine and the sandbox GitHub. scripts/e2e.sh starts it.
 */
const baseURL = process.env.BASE_URL;
if (!baseURL) throw new Error("BASE_URL is not set; scripts/e2e.sh sets it to the system it started.");

export default defineConfig({
  testDir: "e2e",
  // The pictures for the documentation are taken on request only: `npm run screenshots`.
  testIgnore: process.env.SCREENSHOTS_DIR ? [] : ["**/screenshots.spec.ts"],
  outputDir: "test-results",
  // One system, one story: the onboarding comes first, and the rest builds on it.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    baseURL,
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
