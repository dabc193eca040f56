import { z } from "zod";
import { type Bounds, figure, figureError, typed } from "@/components/utils/forms/figure";
import type { RunnerCreateWritable as RunnerCreate, RunnerView } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/forms";

/** Sizes that most people need; anything else is custom. */
export const SIZES = {
  small: { cpus: 1, memory_mb: 2048, pids: 2048 },
  medium: { cpus: 2, memory_mb: 4096, pids: 2048 },
  large: { cpus: 4, memory_mb: 8192, pids: 2048 },
} as const;
export type Size = keyof typeof SIZES | "custom";

const RESOURCES: Readonly<Record<"cpus" | "memory_mb" | "pids", Bounds>> = {
  cpus: { min: 0.1, max: 256, fraction: true },
  memory_mb: { min: 64, max: 1_048_576 },
  pids: { min: 16, max: 65_536 },
};

export const runnerSchema = z
  .object({
    name: z.string().trim().min(1, texts.required),
    scope: z.enum(["repo", "org"]),
    github_repo: z.string().trim().min(1, texts.required),
    authority: z.enum(["credential", "token"]),
    credential_id: z.string(),
    github_runner_token: z.string().trim(),
    keeps_token: z.boolean(),
    docker_image: z.string().trim(),
    labels: z.string(),
    size: z.enum(["small", "medium", "large", "custom"]),
    resources: z.object({ cpus: typed, memory_mb: typed, pids: typed }),
    host_network: z.boolean(),
    ephemeral: z.boolean(),
    max_instances: figure({ min: 1, max: 1_000 }),
    min_idle: figure({ min: 0, max: 1_000 }),
    node_ids: z.array(z.string()),
  })
  .superRefine((values, context) => {
    if (values.authority === "credential" && values.credential_id === "") {
      context.addIssue({ code: "custom", path: ["credential_id"], message: texts.required });
    }
    if (values.authority === "token" && values.github_runner_token === "" && !values.keeps_token) {
      context.addIssue({ code: "custom", path: ["github_runner_token"], message: texts.required });
    }
    // With a usual size there is no field that could be put right.
    if (values.size !== "custom") return;
    for (const name of ["cpus", "memory_mb", "pids"] as const) {
      const message = figureError(values.resources[name], RESOURCES[name]);
      if (message) context.addIssue({ code: "custom", path: ["resources", name], message });
    }
  });

export type RunnerFormInput = z.input<typeof runnerSchema>;
export type RunnerFormValues = z.output<typeof runnerSchema>;

/** Labels as typed: separated by commas, each once whatever its case, as GitHub compares them. */
export function parseLabels(text: string): string[] {
  const seen = new Set<string>();
  return text
    .split(",")
    .map((label) => label.trim())
    .filter((label) => label !== "" && !seen.has(label.toLowerCase()) && seen.add(label.toLowerCase()));
}

/** Which of the usual sizes these resources are. */
export function sizeOf({ cpus, memory_mb, pids }: { cpus: number; memory_mb: number; pids: number }): Size {
  const known = (Object.keys(SIZES) as (keyof typeof SIZES)[]).find((name) => {
    const size = SIZES[name];
    return size.cpus === cpus && size.memory_mb === memory_mb && size.pids === pids;
  });
  return known ?? "custom";
}

/** What the form starts with: the runner that is changed, or sensible values for a new one. */
export function initialValues(runner: RunnerView | undefined, preset: Partial<RunnerFormInput>): RunnerFormInput {
  if (runner) {
    return {
      name: runner.name,
      scope: runner.scope,
      github_repo: runner.github_repo,
      authority: runner.credential_id ? "credential" : "token",
      credential_id: runner.credential_id ?? "",
      github_runner_token: "",
      keeps_token: runner.github_runner_token !== undefined,
      docker_image: runner.docker_image,
      labels: runner.labels.join(", "),
      size: sizeOf(runner.resources),
      resources: { cpus: runner.resources.cpus, memory_mb: runner.resources.memory_mb, pids: runner.resources.pids },
      host_network: runner.resources.network === "host",
      ephemeral: runner.ephemeral,
      max_instances: runner.max_instances,
      min_idle: runner.min_idle,
      node_ids: runner.node_selection.node_ids,
    };
  }
  return {
    name: "",
    scope: "repo",
    github_repo: "",
    authority: "credential",
    credential_id: "",
    github_runner_token: "",
    keeps_token: false,
    docker_image: "",
    labels: "",
    size: "medium",
    resources: SIZES.medium,
    host_network: false,
    ephemeral: true,
    max_instances: 5,
    min_idle: 0,
    node_ids: [],
    ...preset,
  };
}

/** What the api takes. */
export function toRunner(values: RunnerFormValues): RunnerCreate {
  const { name, scope, github_repo, docker_image, ephemeral, max_instances, min_idle, node_ids } = values;
  const token = values.github_runner_token;
  const { cpus, memory_mb, pids } = values.size === "custom" ? values.resources : SIZES[values.size];
  return {
    name,
    scope,
    github_repo,
    ephemeral,
    max_instances,
    min_idle,
    labels: parseLabels(values.labels),
    resources: {
      cpus: Number(cpus),
      memory_mb: Number(memory_mb),
      pids: Number(pids),
      network: values.host_network ? "host" : "bridge",
    },
    node_selection: { node_ids },
    ...(docker_image ? { docker_image } : {}),
    ...(values.authority === "credential" ? { credential_id: values.credential_id } : {}),
    ...(values.authority === "token" && token ? { github_runner_token: token } : {}),
  };
}
