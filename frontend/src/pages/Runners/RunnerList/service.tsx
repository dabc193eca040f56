import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { toast } from "sonner";
import { useOrg } from "@/context/OrgContext";
import { useInvalidate } from "@/hooks/useInvalidate";
import { createRunnerMutation, listRunnersOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import { deleteRunner } from "@/lib/api/generated/sdk.gen";
import type { ListRunnersData, RunnerView } from "@/lib/api/generated/types.gen";
import { together } from "@/lib/choices";
import { allCredentialsOptions, allNodesOptions } from "@/lib/fleet-choices";
import { texts } from "@/lib/texts/fleet";

export function useRunners(query: NonNullable<ListRunnersData["query"]>) {
  const { orgId } = useOrg();
  return useQuery({ ...listRunnersOptions({ path: { org_id: orgId }, query }), placeholderData: keepPreviousData });
}

/** What the form chooses from. */
export function useRunnerChoices(enabled: boolean) {
  const { orgId } = useOrg();
  const credentials = useQuery({ ...allCredentialsOptions(orgId), enabled });
  const nodes = useQuery({ ...allNodesOptions(orgId), enabled });
  return together({ credentials, nodes });
}

export function useCreateRunner() {
  const invalidate = useInvalidate();
  return useMutation({
    ...createRunnerMutation(),
    onSuccess: async () => {
      await invalidate("listRunners");
      toast.success(texts.runners.created);
    },
  });
}

/** An event tells the list of it. */
export function removeRunner(runner: RunnerView): Promise<unknown> {
  return deleteRunner({ path: { org_id: runner.org_id, runner_id: runner.uid }, throwOnError: true });
}
