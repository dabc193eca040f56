import type { NodeView } from "@/lib/api/generated/types.gen";

/** How far the first check of a node is; `late` when no worker has answered though one should have. */
export type CheckStage = "checking" | "late" | "ready" | "failed";

/** A worker that has not answered by then is probably not there. */
const PATIENCE_MS = 20_000;

export function checkStage(
  { status, last_checked_at, created_at }: Pick<NodeView, "status" | "last_checked_at" | "created_at">,
  now: number,
): CheckStage {
  if (last_checked_at !== undefined) return status === "active" ? "ready" : "failed";
  return now - Date.parse(created_at) > PATIENCE_MS ? "late" : "checking";
}
