import { defineConfig } from "@playwright/test";
import { SIZES } from "./e2e/sizes";

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
  // Wide, so that only what never happens fails: the machine may be slow, and busy with other things.
  timeout: 300_000,
  globalTimeout: 30 * 60_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  projects: [
    { name: "onboarding", testMatch: "1-onboarding.spec.ts" },
    ...Object.entries(SIZES).map(([name, viewport]) => ({
      name,
      testMatch: "3-pages.spec.ts",
      grepInvert: name === "phone" ? /@desktop/ : /@phone/,
      dependencies: ["onboarding"],
      // A failure names its page and what is wrong on it; a trace would say no more, and costs as much as the looking.
      use: { viewport, trace: "off" as const, screenshot: "only-on-failure" as const },
    })),
    { name: "good-days", testMatch: /\/(2-[a-z-]+|6-charts)\.spec\.ts$/, dependencies: ["onboarding"] },
    { name: "bad-days", testMatch: "4-bad-days.spec.ts", dependencies: ["desktop", "phone", "good-days"] },
    { name: "journeys", testMatch: "5-logs.spec.ts", dependencies: ["bad-days"] },
    { name: "screenshots", testMatch: "screenshots.spec.ts" },
    // A trace records every change of the page, which would be most of what is measured.
    { name: "bench", testMatch: "bench.spec.ts", use: { trace: "off" } },
  ],
  use: {
    baseURL,
    // What is not there after this long does not come; the test says which it was.
    actionTimeout: 60_000,
    navigationTimeout: 60_000,
    viewport: SIZES.desktop,
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
