import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { encoded, openRedis } from "./redis";

/** Writes what no test can wait for: a thousand instances, and as many changes in ten seconds. */
const VAR = process.env.RUNNER_PILOT_VAR ?? "";
const DATABASE = join(VAR, "runner-pilot.db");

/** Runs SQL on the private database and gives back what it prints. */
export function sql(text: string): string {
  return execFileSync("sqlite3", ["-cmd", ".timeout 5000", DATABASE], { input: text, encoding: "utf8" });
}

/** The uid of the n-th, a UUID of version 7 as all are. */
export function uidOf(n: number): string {
  return `0190ffff-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

type Seed = { count: number; orgId: string; runnerId: string; nodeId: string };

/** Instances that run and were heard of just now. */
export function seedInstances({ count, orgId, runnerId, nodeId }: Seed): void {
  const now = new Date().toISOString().replace("Z", "+00:00");
  sql(`
    INSERT INTO runner_instances (uid, created_at, updated_at, runner_id, org_id, node_id, name,
      instance_identifier, instance_host, instance_meta, status, state, desired_state, state_changed_at,
      github_runner_id, last_heartbeat)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    SELECT printf('0190ffff-0000-7000-8000-%012x', i), '${now}', '${now}', '${runnerId}', '${orgId}', '${nodeId}',
      printf('builder-%012x', i), printf('%064x', i), 'rack-1', '{}', 'idle', 'running', 'running', '${now}', i, '${now}'
    FROM n;`);
}

export type Storm = { done: Promise<void> };

/** Says of each runner what a heartbeat would. */
export async function reportStatuses(statuses: ReadonlyMap<string, string>): Promise<void> {
  const redis = await openRedis();
  const now = new Date().toISOString();
  for (const [uid, status] of statuses) {
    redis.write(encoded("SET", `runner_status:${uid}`, JSON.stringify({ status, last_heartbeat: now }), "EX", "300"));
  }
  await new Promise<void>((resolve) => redis.end(() => resolve()));
}

/** Each is measured every half minute, so that a storm of ten seconds holds a third as many samples as changes. */
const CHANGES_PER_SAMPLE = 3;

/** Tells of a change of each instance once, spread evenly, and of samples in between, as the workers would. */
export async function startStorm(orgId: string, count: number, seconds: number): Promise<Storm> {
  const redis = await openRedis();
  const runnerId = sql("SELECT uid FROM runners LIMIT 1;").trim();
  const key = `runner_pilot:events:${orgId}`;
  const tell = (change: object) =>
    redis.write(encoded("XADD", key, "MAXLEN", "~", "1000", "*", "change", JSON.stringify(change)));
  const begin = Date.now();
  let sent = 0;
  const done = new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((Date.now() - begin) / (seconds * 1_000)) * count));
      // The first rows are left to the test, which changes them itself.
      for (; sent < due; sent += 1) {
        const which = { runner_id: runnerId, instance_id: uidOf(21 + (sent % (count - 20))) };
        const status = sent % 2 === 0 ? "busy" : "idle";
        tell({ kind: "instance_changed", ...which, state: "running", status });
        if (sent % CHANGES_PER_SAMPLE === 0) tell({ kind: "metrics_sampled", ...which });
      }
      if (sent < count) return;
      clearInterval(timer);
      redis.end();
      resolve();
    }, 10);
  });
  return { done };
}
