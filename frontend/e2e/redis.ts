import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

/** The private Redis of the system, spoken to directly. */
const VAR = process.env.RUNNER_PILOT_VAR ?? "";

/** A command as Redis reads it. */
export function encoded(...parts: string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`;
}

export async function openRedis(): Promise<Socket> {
  const url = new URL(readFileSync(join(VAR, "secrets/redis_url"), "utf8").trim());
  const redis = connect(Number(url.port), url.hostname);
  redis.on("data", () => undefined);
  await new Promise<void>((resolve) => redis.once("connect", () => resolve()));
  redis.write(encoded("AUTH", decodeURIComponent(url.password)));
  return redis;
}

/** Ends a runner's status now, which else lasts five minutes without a heartbeat. */
export async function letStatusExpire(instance: string): Promise<void> {
  const redis = await openRedis();
  redis.write(encoded("PEXPIRE", `runner_status:${instance}`, "1"));
  await new Promise<void>((resolve) => redis.end(() => resolve()));
}
