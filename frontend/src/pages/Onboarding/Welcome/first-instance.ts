import type { InstanceView } from "@/lib/api/generated/types.gen";

/** How far the first instance is, as the wizard tells it. */
export type Stage = "starting" | "live" | "failed" | "done" | "gone";

export type Surroundings = {
  /** The server no longer knows it; what is shown of it is the last that was known. */
  isMissing: boolean;
  /** It takes one job and goes then. */
  isEphemeral: boolean;
};

/**
 * An instance that takes one job goes by itself once that is done, often before anybody looks: that it leaves
 * or has left is how its success shows.
 */
export function stageOf(
  instance: Pick<InstanceView, "state" | "status" | "desired_state">,
  { isMissing, isEphemeral }: Surroundings,
): Stage {
  const { state, status, desired_state: desired } = instance;
  if (isMissing) return isEphemeral && state !== "failed" ? "done" : "gone";
  switch (state) {
    case "failed":
      return "failed";
    case "draining":
    case "stopping":
      // A restart leaves only to come back.
      if (desired === "running") return "starting";
      return isEphemeral && desired === "removed" ? "done" : "gone";
    case "stopped":
      return "gone";
    case "removed":
      return isEphemeral ? "done" : "gone";
    case "running":
      return status === "offline" ? "starting" : "live";
    case "pending":
    case "creating":
    case "starting":
      return "starting";
  }
}
