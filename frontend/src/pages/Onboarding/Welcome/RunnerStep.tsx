import { Card, CardContent } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { RunnerForm } from "@/components/utils/forms/RunnerForm";
import type { RunnerFormInput } from "@/components/utils/forms/runner-values";
import { RetryAlert } from "@/components/utils/RetryAlert";
import { SANDBOX_IMAGE } from "@/lib/sandbox";
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/onboarding";
import { StepHeading } from "./StepHeading";
import { useCreateRunner, useFleetChoices } from "./service";
import type { Go } from "./steps";

/**
 * What fits the sandbox: its image finds the simulated GitHub on this machine's own network, and an instance
 * that takes more than one job can be watched for longer.
 */
const SANDBOX_PRESET: Partial<RunnerFormInput> = {
  name: "builder",
  github_repo: "acme/web",
  docker_image: SANDBOX_IMAGE,
  labels: "linux",
  size: "small",
  host_network: true,
  ephemeral: false,
};

type RunnerStepProps = { orgId: string; credentialId: string | null; isSandbox: boolean; go: Go };

export function RunnerStep({ orgId, credentialId, isSandbox, go }: RunnerStepProps) {
  const create = useCreateRunner();
  const { both } = useFleetChoices(orgId);
  const usesToken = credentialId === "none";
  return (
    <>
      <StepHeading title={all.runner.title} description={all.runner.description} />
      <Card>
        <CardContent>
          {both.data ? (
            <RunnerForm
              {...both.data}
              preset={{
                ...(isSandbox ? SANDBOX_PRESET : {}),
                authority: usesToken ? "token" : "credential",
                credential_id: usesToken ? "" : (credentialId ?? ""),
              }}
              // Whoever sets up an organisation is its admin.
              hostNetworkReason={null}
              submit={forms.runner.create}
              onSubmit={async (body) => {
                const runner = await create.mutateAsync({ path: { org_id: orgId }, body });
                go({ runner: runner.uid });
              }}
            />
          ) : both.error ? (
            <RetryAlert error={both.error} onRetry={both.refetch} />
          ) : (
            <Skeleton className="h-96" />
          )}
        </CardContent>
      </Card>
    </>
  );
}
