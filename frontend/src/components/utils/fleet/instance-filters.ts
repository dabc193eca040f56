import type { InstanceState, InstanceStatus } from "@/lib/api/generated/types.gen";
import { INSTANCE_STATES, INSTANCE_STATUSES } from "@/lib/status";

/** The filters of a list of instances in the URL; words that nobody knows are as if they were not there. */
export function instanceFilters(params: URLSearchParams): { state?: InstanceState; status?: InstanceStatus } {
  const state = INSTANCE_STATES.find((each) => each === params.get("state"));
  const status = INSTANCE_STATUSES.find((each) => each === params.get("status"));
  return { ...(state ? { state } : {}), ...(status ? { status } : {}) };
}
