import { FlaskConical } from "lucide-react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { CredentialForm } from "@/components/utils/forms/CredentialForm";
import { RetryAlert } from "@/components/utils/RetryAlert";
import { toProblem } from "@/lib/problem";
import { isFor } from "@/lib/sandbox";
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/onboarding";
import { freeName } from "./known";
import { StepHeading } from "./StepHeading";
import { useCreateCredential, useFleetChoices } from "./service";
import type { Go } from "./steps";

const t = all.github;
/** The token that the simulated GitHub takes. */
const SANDBOX = "sandbox";

type GithubStepProps = { orgId: string; sandboxUrl: string | null; go: Go };

export function GithubStep({ orgId, sandboxUrl, go }: GithubStepProps) {
  const create = useCreateCredential();
  const { credentials } = useFleetChoices(orgId);
  const path = { org_id: orgId };

  // That for the sandbox has its own card above.
  const others = (credentials.data?.items ?? []).filter((each) => sandboxUrl === null || !isFor(each, sandboxUrl));

  async function takeSandbox(url: string): Promise<void> {
    const known = (credentials.data ?? (await credentials.refetch()).data)?.items ?? [];
    const existing = known.find((credential) => isFor(credential, url));
    const name = freeName(SANDBOX, known);
    const credential =
      existing ?? (await create.mutateAsync({ path, body: { name, secret: SANDBOX, api_url: url, web_url: url } }));
    go({ credential: credential.uid, sandbox: "1" });
  }

  return (
    <>
      <StepHeading title={t.title} description={t.description} />
      {sandboxUrl ? (
        <Card className="border-primary/40">
          <CardContent className="flex flex-wrap items-center gap-4">
            <FlaskConical aria-hidden="true" className="size-6 text-primary" />
            <div className="grid min-w-48 flex-1">
              <h2 className="font-medium">{t.sandbox.title}</h2>
              <p className="text-[0.8125rem] text-muted-foreground">{t.sandbox.description}</p>
            </div>
            <Button
              variant="outline"
              disabled={create.isPending}
              onClick={() => takeSandbox(sandboxUrl).catch(() => undefined)}
            >
              {t.sandbox.action}
            </Button>
          </CardContent>
          {create.isError ? (
            <CardContent className="pt-0">
              <Alert tone="bad">{toProblem(create.error).detail}</Alert>
            </CardContent>
          ) : null}
        </Card>
      ) : null}
      {credentials.isError && !credentials.data ? (
        <RetryAlert error={credentials.error} onRetry={() => credentials.refetch()} />
      ) : null}
      {others.map((credential) => (
        <Button
          key={credential.uid}
          variant="outline"
          className="w-fit"
          onClick={() => go({ credential: credential.uid, sandbox: null })}
        >
          {t.existing(credential.name)}
        </Button>
      ))}
      <Card>
        <CardContent className="grid gap-4">
          <div className="grid">
            <h2 className="font-medium">{t.pat.title}</h2>
            <p className="text-[0.8125rem] text-muted-foreground">{t.pat.description}</p>
          </div>
          {credentials.isPending ? (
            // The name that is proposed depends on those that are taken; nobody may have typed by then.
            <Skeleton className="h-48" />
          ) : (
            <CredentialForm
              initial={{ name: freeName("github", credentials.data?.items ?? []) }}
              submit={forms.credential.add}
              onSubmit={async ({ secret = "", ...body }) => {
                const made = await create.mutateAsync({ path, body: { ...body, secret } });
                go({ credential: made.uid, sandbox: null });
              }}
            />
          )}
        </CardContent>
      </Card>
      <Card>
        <CardContent className="flex flex-wrap items-center gap-4">
          <div className="grid min-w-48 flex-1">
            <h2 className="font-medium">{t.token.title}</h2>
            <p className="text-[0.8125rem] text-muted-foreground">{t.token.description}</p>
          </div>
          <Button variant="outline" onClick={() => go({ credential: "none", sandbox: null })}>
            {t.token.action}
          </Button>
        </CardContent>
      </Card>
    </>
  );
}
