import type { CredentialView, NodeView } from "@/lib/api/generated/types.gen";

/** What is there already and would be made a second time: who goes back and forth in the wizard wants one. */

export function nodeWithSocket(nodes: readonly NodeView[], socketPath: string): NodeView | undefined {
  return nodes.find((node) => node.type === "socket" && node.socket_path === socketPath);
}

const withoutSlash = (address: string) => address.replace(/\/+$/, "");

/** Whether a credential is one for this GitHub; its name says nothing of that. */
export function isFor(credential: Pick<CredentialView, "api_url">, apiUrl: string): boolean {
  return withoutSlash(credential.api_url) === withoutSlash(apiUrl);
}

/** The name, or with a number behind it where it is taken. */
export function freeName(wanted: string, taken: readonly { name: string }[]): string {
  const isTaken = (name: string) => taken.some((each) => each.name.toLowerCase() === name.toLowerCase());
  let name = wanted;
  for (let number = 2; isTaken(name); number += 1) name = `${wanted}-${number}`;
  return name;
}
