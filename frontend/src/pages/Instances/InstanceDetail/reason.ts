import type { InstanceState } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/fleet";

type ReasonLook = { tone: "bad" | "warn" | "info"; title: string };

/** A reason that stands in the way before it runs is no mere information. */
export function reasonLook(state: InstanceState, word: string): ReasonLook {
  switch (state) {
    case "failed":
      return { tone: "bad", title: word };
    case "pending":
    case "creating":
    case "starting":
      return { tone: "warn", title: texts.instances.notRunningYet };
    case "running":
    case "draining":
    case "stopping":
    case "stopped":
    case "removed":
      return { tone: "info", title: word };
  }
}
