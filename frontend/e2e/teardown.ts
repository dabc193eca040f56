import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { request } from "@playwright/test";
import { ADA, apiOf, type Named } from "./support";

const run = promisify(execFile);

/** Leaves no container behind: those of the instances that this system made, and no others. */
export default async function removeContainers(): Promise<void> {
  const context = await request.newContext({ baseURL: process.env.BASE_URL ?? "" });
  try {
    const api = await apiOf(context, ADA);
    for (let rounds = 0; rounds < 20; rounds += 1) {
      const { items } = await api.get<{ items: Named[] }>(`/org/${api.orgId}/runners?limit=100`);
      if (items.length === 0) break;
      for (const runner of items) {
        const path = `/org/${api.orgId}/runners/${runner.uid}`;
        const { items: instances } = await api.get<{ items: Named[] }>(`${path}/instance?limit=100`);
        await api.delete(path);
        for (const instance of instances) await removeContainer(instance.uid);
      }
    }
  } catch (error) {
    // The journeys may have ended before there was an account; then there is no container either.
    console.warn(`nothing was cleaned up: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await context.dispose();
  }
}

async function removeContainer(instanceId: string): Promise<void> {
  const filter = `label=runner-pilot.instance=${instanceId}`;
  const { stdout } = await run("docker", ["ps", "--all", "--quiet", "--filter", filter]);
  const ids = stdout.split("\n").filter((id) => id !== "");
  // The worker removes them as well, and may be just about to.
  if (ids.length > 0) await run("docker", ["rm", "--force", "--volumes", ...ids]).catch(() => undefined);
}
