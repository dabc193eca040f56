import { FlaskConical } from "lucide-react";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { useOrg } from "@/context/OrgContext";
import { useSandboxUrl } from "@/hooks/useSandboxUrl";
import type { CredentialView } from "@/lib/api/generated/types.gen";
import { isFor } from "@/lib/sandbox";
import { texts } from "@/lib/texts/fleet";
import { useSampleJob } from "./service";

const t = texts.runners.sample;

type SampleJobProps = {
  runnerId: string;
  /** How the runner registers. */
  credential: CredentialView | undefined;
  /** Why nothing can be done with it any more. */
  gone: string | null;
};

/** A job for a runner of the sandbox, which nobody else sends any. */
export function SampleJob({ runnerId, credential, gone }: SampleJobProps) {
  const org = useOrg();
  const sandboxUrl = useSandboxUrl();
  const job = useSampleJob();
  if (!credential || sandboxUrl === null || !isFor(credential, sandboxUrl)) return null;
  const path = { org_id: org.orgId, runner_id: runnerId };
  return (
    <div className="flex flex-wrap items-center justify-between gap-2 pt-2">
      <p className="min-w-48 flex-1 text-xs text-muted-foreground">{t.hint}</p>
      <GuardedButton
        variant="outline"
        size="sm"
        reason={gone ?? org.whyNot("create_instance")}
        onClick={() => (job.isPending ? undefined : job.mutate({ path }))}
      >
        <FlaskConical />
        {t.run}
      </GuardedButton>
    </div>
  );
}
