import { CirclePlay, type LucideIcon, RotateCcw, Square, Trash2 } from "lucide-react";
import * as React from "react";
import { toast } from "sonner";
import type { BulkAction } from "@/components/utils/bulk/BulkActions";
import type { Confirmation } from "@/components/utils/ConfirmDialog";
import { type CurrentOrg, useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import { deleteInstance, restartInstance, startInstance, stopInstance } from "@/lib/api/generated/sdk.gen";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { toProblem } from "@/lib/problem";
import { type InstanceAction, whyNot } from "@/lib/status";
import { texts } from "@/lib/texts/fleet";

const t = texts.instances;

export const INSTANCE_ACTIONS = ["start", "stop", "restart", "remove"] as const satisfies InstanceAction[];
export const INSTANCE_ICONS: Readonly<Record<InstanceAction, LucideIcon>> = {
  start: CirclePlay,
  stop: Square,
  restart: RotateCcw,
  remove: Trash2,
};
const REQUESTS = { start: startInstance, stop: stopInstance, restart: restartInstance, remove: deleteInstance };

function send(action: InstanceAction, instance: InstanceView): Promise<unknown> {
  const path = { org_id: instance.org_id, runner_id: instance.runner_id, instance_id: instance.uid };
  return REQUESTS[action]({ path, throwOnError: true });
}

/** What can be done with instances: why not, what has to be confirmed first, and the same for many at once. */
export function useInstanceActions(ask: (what: Confirmation) => void) {
  const org = useOrg();
  const invalidate = useInvalidate();
  // Always the same while nothing changes, or every row of a list would be drawn again with it.
  return React.useMemo(() => instanceActions(org, invalidate, ask), [org, invalidate, ask]);
}

function instanceActions(
  org: CurrentOrg,
  invalidate: ReturnType<typeof useInvalidate>,
  ask: (what: Confirmation) => void,
) {
  async function run(action: InstanceAction, instance: InstanceView): Promise<void> {
    await send(action, instance);
    toast(t.done[action]);
    await invalidate(
      "listInstances",
      "listOrgInstances",
      "readInstance",
      "listInstanceEvents",
      "listRunners",
      "readRunner",
      "readOverview",
    );
  }

  const forbidden = (action: InstanceAction) => org.whyNot(action === "remove" ? "delete_instance" : "update_instance");

  return {
    reason: (action: InstanceAction, instance: InstanceView): string | null =>
      forbidden(action) ?? whyNot(action, instance),
    /** Starts at once; everything that takes a runner away asks first. */
    start: (action: InstanceAction, instance: InstanceView): void => {
      if (action === "start") {
        run(action, instance).catch((error) => toast.error(toProblem(error).detail));
        return;
      }
      const words = t.confirm[action];
      ask({
        title: words.title(instance.name),
        description: words.body,
        action: t[action],
        destructive: action === "remove",
        ...(action === "remove" ? { typeToConfirm: instance.name } : {}),
        run: () => run(action, instance),
      });
    },
    /** Events tell of each as it goes; asking again after every one would only slow them down. */
    many: INSTANCE_ACTIONS.map(
      (action): BulkAction<InstanceView> => ({
        id: action,
        label: t[action],
        icon: INSTANCE_ICONS[action],
        destructive: action === "remove",
        typeToConfirm: action === "remove",
        title: t.many[action].title,
        description: t.many[action].body,
        forbidden: forbidden(action),
        whyNot: (instance) => whyNot(action, instance),
        run: (instance) => send(action, instance),
      }),
    ),
  };
}
