import { describe, expect, it } from "vitest";
import { initialValues, parseLabels, runnerSchema, sizeOf, toRunner } from "./runner-values";

const filled = {
  ...initialValues(undefined, {}),
  name: " builder ",
  github_repo: "acme/web",
  credential_id: "c1",
  labels: "linux, GPU,gpu, ",
};

describe("the runner form", () => {
  it("sends what was filled in and leaves the rest to the server", () => {
    const runner = toRunner(runnerSchema.parse(filled));
    expect(runner).toMatchObject({
      name: "builder",
      github_repo: "acme/web",
      credential_id: "c1",
      labels: ["linux", "GPU"],
      resources: { cpus: 2, memory_mb: 4096, pids: 2048, network: "bridge" },
    });
    expect(runner).not.toHaveProperty("docker_image");
    expect(runner).not.toHaveProperty("github_runner_token");
  });

  it("never sends a credential and a token together", () => {
    const values = runnerSchema.parse({ ...filled, authority: "token", github_runner_token: "AAAA1111" });
    expect(toRunner(values)).not.toHaveProperty("credential_id");
    expect(toRunner(values)).toHaveProperty("github_runner_token", "AAAA1111");
  });

  it("needs a way to register", () => {
    expect(runnerSchema.safeParse({ ...filled, credential_id: "" }).success).toBe(false);
    expect(runnerSchema.safeParse({ ...filled, authority: "token" }).success).toBe(false);
    expect(runnerSchema.safeParse({ ...filled, authority: "token", keeps_token: true }).success).toBe(true);
  });

  it("takes figures as they are typed", () => {
    const values = runnerSchema.parse({
      ...filled,
      size: "custom",
      resources: { cpus: "0.5", memory_mb: "512", pids: "100" },
      max_instances: "3",
    });
    expect(toRunner(values).resources).toMatchObject({ cpus: 0.5, memory_mb: 512, pids: 100 });
  });

  it("minds a figure of its own size only where it has one", () => {
    const emptied = { ...filled, resources: { cpus: "", memory_mb: "4.5", pids: "0" } };
    expect(toRunner(runnerSchema.parse({ ...emptied, size: "large" })).resources).toMatchObject({
      cpus: 4,
      memory_mb: 8192,
      pids: 2048,
    });
    const refused = runnerSchema.safeParse({ ...emptied, size: "custom", max_instances: "2000", min_idle: "" });
    expect(refused.error?.issues.map(({ path, message }) => [path.join("."), message])).toEqual([
      ["max_instances", "Must be a whole number from 1 to 1,000."],
      ["min_idle", "Must be a whole number from 0 to 1,000."],
      ["resources.cpus", "Must be a number from 0.1 to 256."],
      ["resources.memory_mb", "Must be a whole number from 64 to 1,048,576."],
      ["resources.pids", "Must be a whole number from 16 to 65,536."],
    ]);
  });

  it("recognises the usual sizes", () => {
    expect(sizeOf({ cpus: 4, memory_mb: 8192, pids: 2048 })).toBe("large");
    expect(sizeOf({ cpus: 3, memory_mb: 8192, pids: 2048 })).toBe("custom");
    expect(sizeOf({ cpus: 4, memory_mb: 8192, pids: 512 })).toBe("custom");
    expect(parseLabels("")).toEqual([]);
  });
});
