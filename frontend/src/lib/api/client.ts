import { authFetch } from "@/lib/auth-session";
import type { CreateClientConfig } from "./generated/client.gen";

/** How the generated client talks: same origin, with the session's token, throwing problems. */
export const createClientConfig: CreateClientConfig = (config) => ({
  ...config,
  baseUrl: window.location.origin,
  fetch: authFetch as typeof fetch,
  credentials: "same-origin",
  throwOnError: true,
});
