import { expect } from "@playwright/test";
import { reportStatuses, sql, uidOf } from "./fleet-of-a-thousand";
import type { Api, Named } from "./support";

/** A fleet worth a picture: what a busy Tuesday looks like. */
const NODES = ["rack-1", "rack-2", "rack-3", "attic"];
const RUNNERS = [
  { name: "builder", github_repo: "acme/web", labels: ["linux", "docker"], instances: 16 },
  { name: "gpu-trainer", github_repo: "acme/models", labels: ["linux", "gpu"], instances: 8 },
  { name: "docs", github_repo: "acme/handbook", labels: ["linux"], instances: 5 },
  { name: "release", github_repo: "acme/web", labels: ["linux", "signing"], instances: 7 },
];
const FACTS = {
  api_version: "1.41",
  arch: "x86_64",
  cgroup: "v2 systemd",
  cpus: 32,
  engine_version: "27.5.1",
  memory_bytes: 137_438_953_472,
  os: "linux",
  storage_driver: "overlay2",
  host_cpu_usage: 41.2,
  host_memory_usage: 56.8,
  host_disk_usage: 38.1,
};
const MINUTES_MEASURED = 60;

function stamp(minutesAgo = 0): string {
  return new Date(Date.now() - minutesAgo * 60_000).toISOString().replace("Z", "+00:00");
}

/** Makes it, and gives back the instance that is shown by itself. Nothing may look for its containers meanwhile. */
export async function makePictureFleet(api: Api): Promise<{ runner: Named; instance: string }> {
  const org = `/org/${api.orgId}`;
  const nodes: Named[] = [];
  for (const name of NODES) {
    const body = {
      name,
      type: "socket",
      socket_path: name === "rack-1" ? "/var/run/docker.sock" : `/run/${name}.sock`,
    };
    nodes.push(await api.post<Named>(`${org}/nodes`, { ...body, capacity: name === "attic" ? 4 : 16 }));
  }
  // Each has been checked for real, before what was found is painted over.
  await expect
    .poll(
      async () => {
        const { items } = await api.get<{ items: { last_checked_at?: string }[] }>(`${org}/nodes`);
        return items.every((node) => node.last_checked_at !== undefined);
      },
      { timeout: 60_000 },
    )
    .toBe(true);
  sql(`
    UPDATE nodes SET status = 'active', status_reason = NULL, facts = '${JSON.stringify(FACTS)}',
      checks = (SELECT checks FROM nodes WHERE name = 'rack-1') WHERE name LIKE 'rack-%';`);
  const credential = await api.post<Named>(`${org}/credentials`, { name: "acme-bot", secret: "sandbox" });
  let n = 0;
  const runners: Named[] = [];
  const statuses = new Map<string, string>();
  for (const { instances, ...recipe } of RUNNERS) {
    const runner = await api.post<Named>(`${org}/runners`, {
      ...recipe,
      credential_id: credential.uid,
      max_instances: 20,
    });
    runners.push(runner);
    for (let i = 0; i < instances; i += 1) {
      n += 1;
      statuses.set(uidOf(n), insertInstance(n, api.orgId, runner, nodes[n % 3] as Named));
    }
  }
  sql("UPDATE runners SET status = 'busy' WHERE name IN ('builder', 'gpu-trainer', 'release');");
  measure(statuses);
  await reportStatuses(statuses);
  return { runner: runners[0] as Named, instance: uidOf(1) };
}

/** Gives back its status. */
function insertInstance(n: number, orgId: string, runner: Named, node: Named): string {
  const state = n === 20 ? "failed" : n === 12 ? "draining" : n % 17 === 0 ? "starting" : "running";
  const status = state === "failed" || state === "starting" ? "offline" : n % 5 < 2 || n === 12 ? "busy" : "idle";
  const reason =
    state === "failed"
      ? "'the image ghcr.io/acme/trainer:12.4 is not on the node and could not be pulled: no space left on device. Free some disk on rack-3, then start it again'"
      : "NULL";
  sql(`
    INSERT INTO runner_instances (uid, created_at, updated_at, runner_id, org_id, node_id, name, instance_identifier,
      instance_host, instance_meta, status, state, desired_state, state_reason, state_changed_at, github_runner_id,
      last_heartbeat)
    VALUES ('${uidOf(n)}', '${stamp(90 - n)}', '${stamp()}', '${runner.uid}', '${orgId}', '${node.uid}',
      '${runner.name}-${(0xa3c1f09b2d40 + n * 7_919_191).toString(16)}', printf('%064x', ${n}), '${node.name}',
      '{"cpus":2.0,"memory_mb":4096,"network":"bridge","pids":2048,"image":"ghcr.io/actions/actions-runner:latest"}',
      '${status}', '${state}', 'running', ${reason}, '${stamp((n * 37) % 90)}', ${4_000 + n}, '${stamp()}');`);
  return status;
}

/** An hour of samples for each, half a minute apart; the last of them fit what it does now. */
function measure(statuses: ReadonlyMap<string, string>): void {
  const values: string[] = [];
  for (let n = 1; n <= statuses.size; n += 1) {
    const isBusy = statuses.get(uidOf(n)) === "busy";
    for (let step = 0; step < MINUTES_MEASURED * 2; step += 1) {
      const wave = Math.sin(step / (7 + (n % 5)) + n) * Math.sin(step / 23 + n * 2);
      const works = step < 108 ? wave > 0.1 : isBusy;
      const cpu = works ? 45 + 40 * Math.abs(wave) + ((step * n) % 9) : 2 + ((step * n) % 4);
      const memory = 24 + (works ? 22 * wave : 0) + ((step + n) % 3);
      const at = stamp((MINUTES_MEASURED * 2 - step) / 2);
      const uid = uidOf(1_000 * n + step);
      values.push(`('${uid}', '${at}', '${at}', '${uidOf(n)}', ${cpu}, ${memory}, ${36 + step / 60}, '${at}')`);
    }
  }
  sql(`
    INSERT INTO monitoring (uid, created_at, updated_at, runner_instance_id, cpu_usage, memory_usage, disk_usage, timestamp)
    VALUES ${values.join(",\n")};`);
}
