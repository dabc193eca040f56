import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { request } from "@playwright/test";
import { ADA, apiOf, type Named } from "./support";

const run = promisify(execFile);

/** Leaves no container behind: those that this system made, for whatever organisation, and no others. */
export default async function removeContainers(): Promise<void> {
  const installs = new Set<string>();
  const context = await request.newContext({ baseURL: process.env.BASE_URL ?? "" });
  try {
    const api = await apiOf(context, ADA);
    for (let rounds = 0; rounds < 20; rounds += 1) {
      const { items } = await api.get<{ items: Named[] }>(`/org/${api.orgId}/runners?limit=100`);
      if (items.length === 0) break;
      for (const runner of items) {
        const path = `/org/${api.orgId}/runners/${runner.uid}`;
        const { items: instances } = await api.get<{ items: Named[] }>(`${path}/instance?limit=100`);
        for (const instance of instances) {
          for (const container of await containersWith("runner-pilot.instance", instance.uid)) {
            installs.add(await labelOf(container, "runner-pilot.install"));
          }
        }
        await api.delete(path);
      }
    }
  } catch (error) {
    // The journeys may have ended before there was an account; then there is no container either.
    console.warn(`nothing was cleaned up: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await context.dispose();
  }
  installs.delete("");
  for (const install of installs) {
    const ids = await containersWith("runner-pilot.install", install);
    // The worker removes them as well, and may be just about to.
    if (ids.length > 0) await run("docker", ["rm", "--force", "--volumes", ...ids]).catch(() => undefined);
  }
}

async function containersWith(label: string, value: string): Promise<string[]> {
  const { stdout } = await run("docker", ["ps", "--all", "--quiet", "--filter", `label=${label}=${value}`]);
  return stdout.split("\n").filter((id) => id !== "");
}

async function labelOf(container: string, label: string): Promise<string> {
  const format = `{{index .Config.Labels "${label}"}}`;
  const { stdout } = await run("docker", ["inspect", "--format", format, container]).catch(() => ({ stdout: "" }));
  return stdout.trim();
}
