import type { NodeView, WorkerView } from "@/lib/api/generated/types.gen";

/** What is there already and would be made a second time: who goes back and forth in the wizard wants one. */

export function nodeWithSocket(nodes: readonly NodeView[], socketPath: string): NodeView | undefined {
  return nodes.find((node) => node.type === "socket" && node.socket_path === socketPath);
}

/** The node that is the own engine of the workers on this host. */
export function nodeOnHost(nodes: readonly NodeView[], host: string): NodeView | undefined {
  return nodes.find((node) => node.type === "local" && node.host === host);
}

/** A host that runs a worker: it takes the tasks that are for its host only. */
export function hostOf(workers: readonly Pick<WorkerView, "queues">[]): string | null {
  const queue = workers.flatMap(({ queues }) => queues).find((name) => name.startsWith(HOST_QUEUE));
  return queue?.slice(HOST_QUEUE.length) || null;
}
const HOST_QUEUE = "host.";

/** The name, or with a number behind it where it is taken. */
export function freeName(wanted: string, taken: readonly { name: string }[]): string {
  const isTaken = (name: string) => taken.some((each) => each.name.toLowerCase() === name.toLowerCase());
  let name = wanted;
  for (let number = 2; isTaken(name); number += 1) name = `${wanted}-${number}`;
  return name;
}
