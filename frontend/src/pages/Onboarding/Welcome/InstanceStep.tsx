import { LoaderCircle, Rocket } from "lucide-react";
import * as React from "react";
import { Link } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { CopyBlock } from "@/components/utils/CopyButton";
import { eventTone } from "@/components/utils/fleet/instance-events";
import { RunnerForm } from "@/components/utils/forms/RunnerForm";
import { RetryAlert } from "@/components/utils/RetryAlert";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { Timeline } from "@/components/utils/Timeline";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { isMissing, sentence, toProblem } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { runsOn } from "@/lib/snippet";
import { instanceLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/onboarding";
import { type Stage, stageOf } from "./first-instance";
import { SampleJob } from "./SampleJob";
import { StepHeading } from "./StepHeading";
import { useFleetChoices, useInstanceStep } from "./service";
import type { Go } from "./steps";

const t = all.instance;

type InstanceStepProps = {
  orgId: string;
  runnerId: string;
  instanceId: string | null;
  isSandbox: boolean;
  go: Go;
  /** Told once the instance has been seen live. */
  onLive?: () => void;
};

export function InstanceStep({ orgId, runnerId, instanceId, isSandbox, go, onLive }: InstanceStepProps) {
  const { runner, instance, events, create, update, restart } = useInstanceStep(orgId, runnerId, instanceId);
  const failure = create.error ?? restart.error ?? (instance.data ? null : instance.error);

  const [isChanging, setChanging] = React.useState(false);
  const { both } = useFleetChoices(orgId);

  const retry = (instance_id: string) => restart.mutate({ path: { org_id: orgId, runner_id: runnerId, instance_id } });

  const isEphemeral = runner.data?.ephemeral ?? true;
  const isGone = isMissing(instance.error);
  const stage = instance.data ? stageOf(instance.data, { isMissing: isGone, isEphemeral }) : null;
  const wasLive = stage === "live" || stage === "done" || stage === "gone";
  React.useEffect(() => {
    if (wasLive) onLive?.();
  }, [wasLive, onLive]);

  if (instanceId === null) {
    return (
      <>
        <StepHeading title={t.title} description={t.description} />
        {failure ? <Alert tone="bad">{toProblem(failure).detail}</Alert> : null}
        <Button
          size="lg"
          className="w-fit"
          disabled={create.isPending}
          onClick={() =>
            create.mutate(
              { path: { org_id: orgId, runner_id: runnerId }, body: {} },
              { onSuccess: (made) => go({ instance: made.uid }) },
            )
          }
        >
          <Rocket />
          {t.start}
        </Button>
      </>
    );
  }
  const words = wasLive ? t.setUp : t;
  return (
    <>
      <StepHeading title={words.title} description={words.description} />
      {failure ? <Alert tone="bad">{toProblem(failure).detail}</Alert> : null}
      {isChanging && runner.data ? (
        <Card>
          <CardContent>
            {both.data ? (
              <RunnerForm
                runner={runner.data}
                {...both.data}
                // Whoever sets up an organisation is its admin.
                hostNetworkReason={null}
                submit={t.saveAndRetry}
                onCancel={() => setChanging(false)}
                onSubmit={async (body) => {
                  await update.mutateAsync({ path: { org_id: orgId, runner_id: runnerId }, body });
                  setChanging(false);
                  retry(instanceId);
                }}
              />
            ) : both.error ? (
              <RetryAlert error={both.error} onRetry={both.refetch} />
            ) : (
              <Skeleton className="h-96" />
            )}
          </CardContent>
        </Card>
      ) : instance.data && stage ? (
        <Outcome
          instance={instance.data}
          stage={stage}
          isGone={isGone}
          onRetry={() => retry(instanceId)}
          onChangeRunner={() => setChanging(true)}
          onAnother={() => go({ instance: null })}
        />
      ) : failure ? null : (
        <Skeleton className="h-10" />
      )}
      {runner.isError && !runner.data ? <RetryAlert error={runner.error} onRetry={() => runner.refetch()} /> : null}
      {runner.data && wasLive ? (
        <Card>
          <CardContent className="grid grid-cols-[minmax(0,1fr)] gap-3">
            <p>{t.snippet}</p>
            <CopyBlock text={runsOn(runner.data.labels)} label="runs-on snippet" />
          </CardContent>
        </Card>
      ) : null}
      {isSandbox && instance.data && stage === "live" ? (
        <SampleJob orgId={orgId} runnerId={runnerId} status={instance.data.status} />
      ) : null}
      <Card>
        <CardHeader>
          <CardTitle>{t.timeline}</CardTitle>
        </CardHeader>
        <CardContent className="grid gap-3">
          {events.data ? null : events.isError ? (
            <RetryAlert error={events.error} onRetry={() => events.refetch()} />
          ) : (
            <Skeleton className="h-16" />
          )}
          <Timeline
            entries={(events.data?.items ?? []).map((event) => ({
              id: event.uid,
              at: event.created_at,
              title: event.message,
              tone: eventTone(event.kind, event.detail),
            }))}
          />
        </CardContent>
      </Card>
      <Button asChild className="w-fit" variant={wasLive ? "default" : "outline"}>
        <Link to={routes.overview(orgId)}>{t.finish}</Link>
      </Button>
    </>
  );
}

type OutcomeProps = {
  instance: InstanceView;
  stage: Stage;
  isGone: boolean;
  onRetry: () => void;
  onChangeRunner: () => void;
  onAnother: () => void;
};

function Outcome({ instance, stage, isGone, onRetry, onChangeRunner, onAnother }: OutcomeProps) {
  const look = instanceLook(isGone ? "removed" : instance.state, instance.status);
  return (
    <div aria-live="polite" className="grid gap-3">
      <p className="flex flex-wrap items-center gap-3 text-base">
        {stage === "starting" ? (
          <>
            <LoaderCircle aria-hidden="true" className="size-4 animate-spin text-primary" />
            {t.starting}
          </>
        ) : (
          <strong className="font-semibold">{t[stage]}</strong>
        )}
        <StatusBadge look={look} />
      </p>
      {stage === "done" || stage === "gone" ? (
        <Alert
          tone={stage === "done" ? "ok" : "info"}
          actions={
            <Button variant="outline" size="sm" onClick={onAnother}>
              {t.another}
            </Button>
          }
        >
          {instance.state_reason ? sentence(instance.state_reason) : null}
          <p>{stage === "done" ? t.doneHint : t.goneHint}</p>
        </Alert>
      ) : instance.state_reason || stage === "failed" ? (
        <Alert
          tone={stage === "failed" ? "bad" : "info"}
          actions={
            stage === "failed" ? (
              <span className="flex flex-wrap gap-2">
                <Button variant="outline" size="sm" onClick={onRetry}>
                  {t.retry}
                </Button>
                <Button variant="outline" size="sm" onClick={onChangeRunner}>
                  {t.changeRunner}
                </Button>
              </span>
            ) : null
          }
        >
          {instance.state_reason ?? t.noReason}
        </Alert>
      ) : null}
    </div>
  );
}
