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

  it("recognises the usual sizes", () => {
    expect(sizeOf({ cpus: 4, memory_mb: 8192 })).toBe("large");
    expect(sizeOf({ cpus: 3, memory_mb: 8192 })).toBe("custom");
    expect(parseLabels("")).toEqual([]);
  });
});
