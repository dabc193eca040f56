import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "@playwright/test";

/** The system's processes as scripts/up.sh notes them: `pid start-time`, one file each. */
const VAR = process.env.RUNNER_PILOT_VAR ?? "";

async function startedAt(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return !fields || fields[0] === "Z" ? null : (fields[19] ?? null);
}

const parts = (text: string) => text.split("\0").filter((part) => part !== "");

/** Ends one process of the system, asking first; gives back how to start it again just as it was. */
export async function stopProcess(name: "api" | "redis" | "worker" | "beat"): Promise<() => Promise<void>> {
  const file = join(VAR, "run", `${name}.pid`);
  const [pidText = "", start] = (await readFile(file, "utf8")).trim().split(" ");
  const pid = Number(pidText);
  if ((await startedAt(pid)) !== start) throw new Error(`${name} is not the process that was noted`);
  const environment = parts(await readFile(`/proc/${pid}/environ`, "utf8")).map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
  const [command = "", ...given] = parts(await readFile(`/proc/${pid}/cmdline`, "utf8"));
  const directory = await readlink(`/proc/${pid}/cwd`);
  // Redis shows its address as its arguments; it was started with its file of settings.
  const args = name === "redis" ? [join(VAR, "secrets/redis.conf")] : given;
  process.kill(pid, "SIGTERM");
  await expect.poll(() => startedAt(pid), { timeout: 30_000 }).not.toBe(start);

  return async () => {
    const log = openSync(join(VAR, "log", `${name}.log`), "a");
    const child = spawn(name === "redis" ? "redis-server" : command, args, {
      cwd: directory,
      env: Object.fromEntries(environment),
      detached: true,
      stdio: ["ignore", log, log],
    });
    if (!child.pid) throw new Error(`${name} did not start again`);
    child.unref();
    await writeFile(file, `${child.pid} ${await startedAt(child.pid)}\n`);
  };
}
