import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig({
  input: process.env.OPENAPI_INPUT ?? "../openapi.json",
  output: { path: process.env.OPENAPI_OUTPUT ?? "src/lib/api/generated", clean: true },
  // No transformers: they would make every int64 a bigint and misread single events of a stream.
  plugins: [
    "@hey-api/typescript",
    { name: "@hey-api/client-fetch", runtimeConfigPath: "../client" },
    "@hey-api/sdk",
    "@tanstack/react-query",
    { name: "zod", dates: { offset: true } },
  ],
});
