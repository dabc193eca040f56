import type { CredentialView } from "@/lib/api/generated/types.gen";

/** The image whose runner takes the simulated GitHub for the real one. */
export const SANDBOX_IMAGE = "runner-pilot/sim-runner:latest";

const withoutSlash = (address: string) => address.replace(/\/+$/, "");

/** Whether a credential is one for this GitHub; its name says nothing of that. */
export function isFor(credential: Pick<CredentialView, "api_url">, apiUrl: string): boolean {
  return withoutSlash(credential.api_url) === withoutSlash(apiUrl);
}

type Recipe = { docker_image: string; host_network: boolean };

/**
 * What a recipe has to change for the sandbox, which is on this machine's own network, or to be rid of it again.
 * An image that somebody chose stays.
 */
export function sandboxChange(
  { docker_image, host_network }: Recipe,
  isSandbox: boolean,
  mayUseHostNetwork: boolean,
): Partial<Recipe> {
  if (isSandbox) {
    return {
      ...(docker_image.trim() === "" ? { docker_image: SANDBOX_IMAGE } : {}),
      ...(mayUseHostNetwork && !host_network ? { host_network: true } : {}),
    };
  }
  return docker_image === SANDBOX_IMAGE ? { docker_image: "", host_network: false } : {};
}
