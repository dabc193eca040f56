import { defineConfig } from "@playwright/test";

/**
 * In a real browser against a really running system: BASE_URL is the address of a fresh one (no account yet)
 * with a worker, a Docker engine and the sandbox GitHub; RUNNER_PILOT_VAR is where its processes are noted.
 * scripts/page-e2e.sh starts one.
 */
const baseURL = process.env.BASE_URL;
if (!baseURL) throw new Error("BASE_URL is not set; scripts/page-e2e.sh sets it to the system it started.");

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  globalTeardown: "./e2e/teardown.ts",
  // One system, one story: the onboarding comes first, the rest builds on it, and what takes a part of the
  // system away comes last and alone.
  workers: 2,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  globalTimeout: 10 * 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  projects: [
    { name: "onboarding", testMatch: "1-onboarding.spec.ts" },
    { name: "good-days", testMatch: /\/[23]-[a-z-]+\.spec\.ts$/, dependencies: ["onboarding"] },
    { name: "bad-days", testMatch: "4-bad-days.spec.ts", dependencies: ["good-days"] },
    { name: "journeys", testMatch: "5-logs.spec.ts", dependencies: ["bad-days"] },
    { name: "screenshots", testMatch: "screenshots.spec.ts" },
    // A trace records every change of the page, which would be most of what is measured.
    { name: "bench", testMatch: "bench.spec.ts", use: { trace: "off" } },
  ],
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
