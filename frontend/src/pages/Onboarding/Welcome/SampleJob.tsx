import { CircleCheck, FlaskConical } from "lucide-react";
import * as React from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent } from "@/components/ui/card";
import { StatusMark } from "@/components/utils/StatusBadge";
import { useNow } from "@/hooks/useNow";
import type { InstanceStatus } from "@/lib/api/generated/types.gen";
import { toProblem } from "@/lib/problem";
import { instanceLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/onboarding";
import { TONE_TEXT } from "@/lib/tones";
import { cn } from "@/lib/utils";
import { type JobStage, nextStage } from "./sample-job";
import { useSampleJob } from "./service";

const t = all.instance.sample;
const STAGES = ["waiting", "active", "idle"] as const satisfies JobStage[];
const LOOKS = {
  waiting: instanceLook("pending", ""),
  active: instanceLook("running", "busy"),
  idle: instanceLook("running", "idle"),
};
const SAYS = { waiting: t.sent, active: t.runs, idle: t.done };
/** A job that is not seen by then may have passed between two looks at the runner. */
const PATIENCE_MS = 30_000;

type SampleJobProps = { orgId: string; runnerId: string; status: InstanceStatus };

/** The first job, from waiting to done, as the runner shows it. */
export function SampleJob({ orgId, runnerId, status }: SampleJobProps) {
  const job = useSampleJob();
  const now = useNow();
  const [stage, setStage] = React.useState<JobStage | null>(null);
  const next = stage === null ? null : nextStage(stage, status);
  if (next !== stage) setStage(next);
  const isUnderWay = stage === "waiting" || stage === "active";
  const isLate = stage === "waiting" && job.isSuccess && now.getTime() - job.submittedAt > PATIENCE_MS;
  const send = () =>
    job.mutate({ path: { org_id: orgId, runner_id: runnerId } }, { onSuccess: () => setStage("waiting") });
  return (
    <Card className="border-primary/40">
      <CardContent className="grid gap-4">
        <div className="flex flex-wrap items-center gap-4">
          <FlaskConical aria-hidden="true" className="size-6 text-primary" />
          <div className="grid min-w-48 flex-1">
            <h2 className="font-medium">{t.title}</h2>
            <p className="text-[0.8125rem] text-muted-foreground">{t.description}</p>
          </div>
          <Button
            aria-disabled={job.isPending || (isUnderWay && !isLate)}
            // It keeps the focus, so that who pressed it by keyboard stays where they are.
            onClick={job.isPending || (isUnderWay && !isLate) ? undefined : send}
          >
            {stage === null ? t.run : t.again}
          </Button>
        </div>
        {job.isError ? <Alert tone="bad">{toProblem(job.error).detail}</Alert> : null}
        {stage === null ? null : <Stages stage={stage} />}
        {isLate ? <p className="text-[0.8125rem] text-muted-foreground">{t.waits}</p> : null}
      </CardContent>
    </Card>
  );
}

function Stages({ stage }: { stage: JobStage }) {
  const at = STAGES.indexOf(stage);
  return (
    <div className="grid gap-2.5">
      <ol aria-label={t.progress} className="flex flex-wrap items-center gap-x-2 gap-y-1 text-[0.8125rem]">
        {STAGES.map((each, index) => (
          <li
            key={each}
            aria-current={each === stage ? "step" : undefined}
            className={cn(
              "flex items-center gap-2",
              index > 0 && "before:block before:h-px before:w-6 before:bg-input sm:before:w-12",
              each === stage ? "font-semibold" : "text-muted-foreground",
            )}
          >
            {index < at ? (
              <CircleCheck aria-hidden="true" className="size-4 text-ok" />
            ) : (
              <StatusMark
                shape={LOOKS[each].shape}
                className={index === at ? TONE_TEXT[LOOKS[each].tone] : "text-muted-foreground"}
              />
            )}
            {t.steps[each]}
          </li>
        ))}
      </ol>
      <p aria-live="polite" className="text-[0.8125rem]">
        {SAYS[stage]}
      </p>
    </div>
  );
}
