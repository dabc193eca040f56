import { Check } from "lucide-react";
import * as React from "react";
import { Link, Navigate, useLocation, useSearchParams } from "react-router";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { useAuth, useMe } from "@/context/AuthContext";
import { useTitle } from "@/hooks/useTitle";
import { routes, signInFrom } from "@/lib/routes";
import { texts } from "@/lib/texts/onboarding";
import { cn } from "@/lib/utils";
import { GithubStep } from "./GithubStep";
import { InstanceStep } from "./InstanceStep";
import { NodeStep } from "./NodeStep";
import { OrganisationStep } from "./OrganisationStep";
import { RunnerStep } from "./RunnerStep";
import { useConfig } from "./service";
import { currentStep, readProgress, STEPS, type Step } from "./steps";

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

  return (
    <div className="grid gap-8 md:grid-cols-[12rem_minmax(0,1fr)]">
      <Stepper current={step} />
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
          />
        ) : null}
        {progress.org && step !== "instance" ? (
          <Link
            to={routes.overview(progress.org)}
            className="w-fit text-[0.8125rem] text-muted-foreground underline-offset-4 hover:underline"
          >
            {texts.skip}
          </Link>
        ) : null}
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

function Stepper({ current }: { current: Step }) {
  const at = STEPS.indexOf(current);
  return (
    <nav aria-label={texts.title}>
      <ol className="flex gap-1 md:grid md:gap-0">
        {STEPS.map((step, index) => (
          <li
            key={step}
            aria-current={step === current ? "step" : undefined}
            className={cn(
              "flex flex-1 items-center gap-3 border-t-2 pt-2 text-[0.8125rem] md:h-11 md:flex-none md:border-t-0 md:border-l-2 md:pt-0 md:pl-4",
              index <= at ? "border-primary" : "border-border",
              step === current ? "font-medium" : "text-muted-foreground",
            )}
          >
            <span className="max-md:sr-only">{texts.steps[step]}</span>
            {index < at ? <Check aria-label={texts.stepDone} className="size-4 text-primary max-md:hidden" /> : null}
          </li>
        ))}
      </ol>
      <p aria-hidden="true" className="text-[0.8125rem] md:hidden">
        <span className="font-medium">{texts.steps[current]}</span>
        <span className="text-muted-foreground"> · {texts.at(at + 1, STEPS.length)}</span>
      </p>
    </nav>
  );
}
