import { LoaderCircle, Rocket } from "lucide-react";
import { Link } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { CopyBlock } from "@/components/utils/CopyButton";
import { StatusBadge } from "@/components/utils/StatusBadge";
import { Timeline } from "@/components/utils/Timeline";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { toProblem } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { runsOn } from "@/lib/snippet";
import { instanceLook } from "@/lib/status";
import { texts as all } from "@/lib/texts/onboarding";
import { SampleJob } from "./SampleJob";
import { StepHeading } from "./StepHeading";
import { useInstanceStep } from "./service";
import type { Go } from "./steps";

const t = all.instance;

type InstanceStepProps = {
  orgId: string;
  runnerId: string;
  instanceId: string | null;
  isSandbox: boolean;
  go: Go;
};

export function InstanceStep({ orgId, runnerId, instanceId, isSandbox, go }: InstanceStepProps) {
  const { runner, instance, events, create, restart } = useInstanceStep(orgId, runnerId, instanceId);
  const failure = create.error ?? restart.error ?? (instance.data ? null : instance.error);

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
  return (
    <>
      <StepHeading title={t.title} description={t.description} />
      {failure ? <Alert tone="bad">{toProblem(failure).detail}</Alert> : null}
      {instance.data ? (
        <Outcome
          instance={instance.data}
          onRetry={() => restart.mutate({ path: { org_id: orgId, runner_id: runnerId, instance_id: instanceId } })}
        />
      ) : null}
      {runner.data && instance.data && isLive(instance.data) ? (
        <Card>
          <CardContent className="grid grid-cols-[minmax(0,1fr)] gap-3">
            <p>{t.snippet}</p>
            <CopyBlock text={runsOn(runner.data.labels)} label="runs-on snippet" />
          </CardContent>
        </Card>
      ) : null}
      {isSandbox && instance.data && isLive(instance.data) ? (
        <SampleJob orgId={orgId} runnerId={runnerId} status={instance.data.status} />
      ) : null}
      <Card>
        <CardHeader>
          <CardTitle>{t.timeline}</CardTitle>
        </CardHeader>
        <CardContent>
          <Timeline
            entries={(events.data?.items ?? []).map((event) => ({
              id: event.uid,
              at: event.created_at,
              title: event.message,
              tone: event.kind === "failure" ? "bad" : "normal",
            }))}
          />
        </CardContent>
      </Card>
      <Button asChild className="w-fit" variant={instance.data && isLive(instance.data) ? "default" : "outline"}>
        <Link to={routes.overview(orgId)}>{t.finish}</Link>
      </Button>
    </>
  );
}

function isLive(instance: InstanceView): boolean {
  return instance.state === "running" && instance.status !== "offline";
}

function Outcome({ instance, onRetry }: { instance: InstanceView; onRetry: () => void }) {
  const look = instanceLook(instance.state, instance.status);
  return (
    <div aria-live="polite" className="grid gap-3">
      <p className="flex flex-wrap items-center gap-3 text-base">
        {isLive(instance) ? (
          <strong className="font-semibold">{t.live}</strong>
        ) : instance.state === "failed" ? (
          <strong className="font-semibold">{t.failed}</strong>
        ) : (
          <>
            <LoaderCircle aria-hidden="true" className="size-4 animate-spin text-primary" />
            {t.starting}
          </>
        )}
        <StatusBadge look={look} />
      </p>
      {instance.state_reason ? (
        <Alert
          tone={instance.state === "failed" ? "bad" : "info"}
          actions={
            instance.state === "failed" ? (
              <Button variant="outline" size="sm" onClick={onRetry}>
                {t.retry}
              </Button>
            ) : null
          }
        >
          {instance.state_reason}
        </Alert>
      ) : null}
    </div>
  );
}
