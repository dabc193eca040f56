import { useMutation } from "@tanstack/react-query";
import { toast } from "sonner";
import type { Confirmation } from "@/components/utils/ConfirmDialog";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import {
  deleteInstanceMutation,
  restartInstanceMutation,
  startInstanceMutation,
  stopInstanceMutation,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { type InstanceAction, whyNot } from "@/lib/status";
import { texts } from "@/lib/texts/fleet";

const t = texts.instances;

/** What can be done with an instance: why not, and what has to be confirmed first. */
export function useInstanceActions(ask: (what: Confirmation) => void) {
  const org = useOrg();
  const invalidate = useInvalidate();
  const onSuccess = () =>
    invalidate("listInstances", "readInstance", "listInstanceEvents", "listRunners", "readRunner");
  const start = useMutation({ ...startInstanceMutation(), onSuccess });
  const stop = useMutation({ ...stopInstanceMutation(), onSuccess });
  const restart = useMutation({ ...restartInstanceMutation(), onSuccess });
  const remove = useMutation({ ...deleteInstanceMutation(), onSuccess });
  const mutations = { start, stop, restart, remove };

  function run(action: InstanceAction, instance: InstanceView): Promise<unknown> {
    const path = { org_id: org.orgId, runner_id: instance.runner_id, instance_id: instance.uid };
    return mutations[action].mutateAsync({ path });
  }

  return {
    run,
    reason: (action: InstanceAction, instance: InstanceView): string | null =>
      org.whyNot(action === "remove" ? "delete_instance" : "update_instance") ?? whyNot(action, instance.state),
    /** Starts at once; everything that takes a runner away asks first. */
    start: (action: InstanceAction, instance: InstanceView): void => {
      if (action === "start") {
        start
          .mutateAsync({ path: { org_id: org.orgId, runner_id: instance.runner_id, instance_id: instance.uid } })
          .then(() => toast(t.done.start))
          .catch(() => undefined);
        return;
      }
      const words = t.confirm[action];
      ask({
        title: words.title(instance.name),
        description: words.body,
        action: t[action],
        destructive: action === "remove",
        ...(action === "remove" ? { typeToConfirm: instance.name } : {}),
        run: async () => {
          await run(action, instance);
          toast(t.done[action]);
        },
      });
    },
  };
}
