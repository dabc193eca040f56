import * as React from "react";
import { Link, Navigate, useLocation, useSearchParams } from "react-router";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { useAuth, useMe } from "@/context/AuthContext";
import { useTitle } from "@/hooks/useTitle";
import { routes, signInFrom } from "@/lib/routes";
import { texts } from "@/lib/texts/onboarding";
import { GithubStep } from "./GithubStep";
import { InstanceStep } from "./InstanceStep";
import { NodeStep } from "./NodeStep";
import { OrganisationStep } from "./OrganisationStep";
import { RunnerStep } from "./RunnerStep";
import { Stepper } from "./Stepper";
import { useConfig } from "./service";
import { backTo, currentStep, readProgress, STEPS } from "./steps";

export function WelcomePage() {
  useTitle(texts.title);
  const { session } = useAuth();
  const config = useConfig();
  const me = useMe();
  const location = useLocation();
  const [params, setParams] = useSearchParams();
  const progress = readProgress(params);
  const step = currentStep(progress);
  const [arrival, setArrival] = React.useState<string>("open");
  const [isDone, setDone] = React.useState(false);
  const onLive = React.useCallback(() => setDone(true), []);

  const go = React.useCallback(
    (changes: Record<string, string | null>) =>
      setParams((current) => {
        const next = new URLSearchParams(current);
        for (const [name, value] of Object.entries(changes)) {
          if (value === null) next.delete(name);
          else next.set(name, value);
        }
        return next;
      }),
    [setParams],
  );

  if (config.isError && !config.data) return <ErrorState error={config.error} onRetry={() => config.refetch()} />;
  if (!config.data) return <Waiting />;
  if (session !== "signed-in" && !config.data.onboarding_required)
    return <Navigate to={signInFrom(location)} replace />;
  if (session === "signed-in" && !me.data)
    return me.isError ? <ErrorState error={me.error} onRetry={() => me.refetch()} /> : <Waiting />;
  const orgs = me.data?.orgs ?? [];
  // Whoever comes with an organisation comes only to make another one. Decided on arrival: the one that is
  // made here must not lead away from here.
  if (arrival === "open") setArrival(step === "organisation" && orgs[0] && !params.has("new") ? orgs[0].uid : "stay");
  if (arrival !== "open" && arrival !== "stay") return <Navigate to={routes.overview(arrival)} replace />;

  const before = backTo(STEPS[STEPS.indexOf(step) - 1] ?? "organisation", progress);
  return (
    <div className="grid gap-8 md:grid-cols-[12rem_minmax(0,1fr)]">
      <Stepper current={step} isDone={isDone} back={(to) => backTo(to, progress)} go={go} />
      <div className="grid max-w-2xl content-start gap-6">
        {step === "organisation" ? (
          <OrganisationStep hasAccount={session === "signed-in"} hasOrgs={orgs.length > 0} go={go} />
        ) : null}
        {step === "node" ? <NodeStep orgId={progress.org} nodeId={progress.node} go={go} /> : null}
        {step === "github" ? (
          <GithubStep orgId={progress.org} sandboxUrl={config.data.sandbox_github_url ?? null} go={go} />
        ) : null}
        {step === "runner" ? (
          <RunnerStep orgId={progress.org} credentialId={progress.credential} isSandbox={progress.sandbox} go={go} />
        ) : null}
        {step === "instance" ? (
          <InstanceStep
            orgId={progress.org}
            runnerId={progress.runner}
            instanceId={progress.instance}
            isSandbox={progress.sandbox && config.data.sandbox_github_url !== undefined}
            go={go}
            onLive={onLive}
          />
        ) : null}
        <div className="flex flex-wrap items-center gap-4 empty:hidden">
          {before ? (
            <Button variant="outline" size="sm" onClick={() => go(before)}>
              {texts.back}
            </Button>
          ) : null}
          {progress.org && step !== "instance" ? (
            <Link
              to={routes.overview(progress.org)}
              className="text-[0.8125rem] text-muted-foreground underline-offset-4 hover:underline"
            >
              {texts.skip}
            </Link>
          ) : null}
        </div>
      </div>
    </div>
  );
}

function Waiting() {
  return (
    <div aria-busy="true" className="grid gap-8 md:grid-cols-[12rem_minmax(0,1fr)]">
      <Skeleton className="h-8 md:h-56" />
      <div className="grid max-w-2xl content-start gap-6">
        <Skeleton className="h-12" />
        <Skeleton className="h-48" />
      </div>
    </div>
  );
}
