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

/** Moves on by adding to what is known, or back by taking something away. */
export type Go = (changes: Record<string, string | null>) => void;
