import type { InstanceStatus } from "@/lib/api/generated/types.gen";

/** How far a job is, as far as the runner shows it. */
export type JobStage = "waiting" | "active" | "idle";

/** A job waits until the runner is seen at work, and is done when it is seen idle after that. */
export function nextStage(stage: JobStage, status: InstanceStatus): JobStage {
  if (status === "busy") return stage === "idle" ? "idle" : "active";
  return stage === "active" && (status === "idle" || status === "online") ? "idle" : stage;
}
