import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The api's own paths: in development they are passed on to a running server. */
const API_PATHS = [
  "/auth",
  "/onboarding",
  "/common",
  "/org",
  "/webhooks",
  "/openapi.json",
  "/docs",
  "/healthz",
  "/readyz",
];
const target = process.env.API_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    host: "127.0.0.1",
    // The Origin header must be the server's own, or its check of refresh and logout refuses us.
    proxy: Object.fromEntries(
      API_PATHS.map((path) => [`^${path}(/|$|\\?)`, { target, changeOrigin: true, headers: { origin: target } }]),
    ),
  },
  preview: { host: "127.0.0.1" },
  build: {
    outDir: "dist",
    sourcemap: false,
    // Small pictures stay files too: `img-src data:` is then needed by nobody.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules[\\/](react|react-dom|react-router|scheduler)[\\/]/ },
            { name: "forms", test: /node_modules[\\/](zod|react-hook-form|@hookform)[\\/]/ },
            { name: "query", test: /node_modules[\\/]@tanstack[\\/](react-query|query-core)[\\/]/ },
          ],
        },
      },
    },
  },
});
