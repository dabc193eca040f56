/** The organisation that was looked at last: where `/` leads to. */
const KEY = "runner-pilot.org";

export function rememberOrg(orgId: string): void {
  try {
    localStorage.setItem(KEY, orgId);
  } catch {
    // Without storage `/` leads to the first organisation.
  }
}

export function rememberedOrg(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
