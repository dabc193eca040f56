import { defineConfig, mergeConfig } from "vitest/config";
import viteConfig from "./vite.config.ts";

export default mergeConfig(
  viteConfig,
  defineConfig({
    test: {
      // Logic needs no page; tests that do say so in their first line.
      environment: "node",
      include: ["src/**/*.test.{ts,tsx}"],
      setupFiles: ["src/testing/setup.ts"],
      restoreMocks: true,
      // A process for each file would read all libraries anew, which takes longer than the tests themselves.
      isolate: false,
      maxWorkers: "100%",
      // A busy machine is slow, not wrong.
      testTimeout: 30_000,
      expect: { poll: { timeout: 10_000 } },
    },
  }),
);
