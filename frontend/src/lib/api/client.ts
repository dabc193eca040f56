import { authFetch } from "@/lib/auth-session";
import { unexplained } from "@/lib/problem";
import type { CreateClientConfig } from "./generated/client.gen";

/** How the generated client talks: same origin, with the session's token, throwing problems. */
export const createClientConfig: CreateClientConfig = (config) => ({
  ...config,
  baseUrl: window.location.origin,
  fetch: fetchProblems as typeof fetch,
  credentials: "same-origin",
  throwOnError: true,
});

/** A refusal that is not the api's, such as a proxy's page, becomes one that keeps its status. */
export async function fetchProblems(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await authFetch(input, init);
  if (response.ok || /\bjson\b/i.test(response.headers.get("Content-Type") ?? "")) return response;
  await response.body?.cancel();
  return Response.json(unexplained(response.status), { status: response.status });
}
