/** How far one has come is in the URL: a reload, a sign-in in between or the back key lose nothing. */
export const STEPS = ["organisation", "node", "github", "runner", "instance"] as const;
export type Step = (typeof STEPS)[number];

export type Progress = {
  org: string;
  node: string | null;
  /** The node is settled, whether it is ready or not. */
  nodeDone: boolean;
  /** A credential's id, or `none` for those who use a registration token. */
  credential: string | null;
  sandbox: boolean;
  runner: string;
  instance: string | null;
};

export function readProgress(params: URLSearchParams): Progress {
  return {
    org: params.get("org") ?? "",
    node: params.get("node"),
    nodeDone: params.get("node_done") === "1",
    credential: params.get("credential"),
    sandbox: params.get("sandbox") === "1",
    runner: params.get("runner") ?? "",
    instance: params.get("instance"),
  };
}

export function currentStep(progress: Progress): Step {
  if (progress.org === "") return "organisation";
  if (!progress.nodeDone) return "node";
  if (progress.credential === null) return "github";
  return progress.runner === "" ? "runner" : "instance";
}

/**
 * What to take away to stand at an earlier step again, or null where that step can't be done anew: what was made
 * there stays, and is changed on its own page.
 */
export function backTo(step: Step, progress: Progress): Record<string, null> | null {
  const isPast = STEPS.indexOf(step) < STEPS.indexOf(currentStep(progress));
  if (!isPast) return null;
  if (step === "node") return { node: null, node_done: null };
  // The runner registers with it.
  return step === "github" && progress.runner === "" ? { credential: null, sandbox: null } : null;
}

/** Moves on by adding to what is known, or back by taking something away. */
export type Go = (changes: Record<string, string | null>) => void;
