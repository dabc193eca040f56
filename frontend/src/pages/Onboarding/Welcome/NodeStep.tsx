import { LoaderCircle, Server } from "lucide-react";
import * as React from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { NodeChecks } from "@/components/utils/fleet/NodeChecks";
import { NodeForm } from "@/components/utils/forms/NodeForm";
import { RetryAlert } from "@/components/utils/RetryAlert";
import { useNow } from "@/hooks/useNow";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { toProblem } from "@/lib/problem";
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/onboarding";
import { freeName, nodeWithSocket } from "./known";
import { StepHeading } from "./StepHeading";
import { useFleetChoices, useNodeStep } from "./service";
import type { Go } from "./steps";

const t = all.node;
const LOCAL_NAME = "this-machine";
const LOCAL_SOCKET = "/var/run/docker.sock";
/** A worker that has not answered by then is probably not there. */
const PATIENCE_MS = 20_000;

type NodeStepProps = { orgId: string; nodeId: string | null; go: Go };

export function NodeStep({ orgId, nodeId, go }: NodeStepProps) {
  const { node, create, update, check } = useNodeStep(orgId, nodeId);
  const { nodes } = useFleetChoices(orgId);
  const [isChanging, setChanging] = React.useState(false);
  const [otherOpen, setOtherOpen] = React.useState(false);
  const path = { org_id: orgId };

  async function takeLocal(): Promise<void> {
    const known = (nodes.data ?? (await nodes.refetch()).data)?.items ?? [];
    const existing = nodeWithSocket(known, LOCAL_SOCKET);
    const name = freeName(LOCAL_NAME, known);
    const node =
      existing ?? (await create.mutateAsync({ path, body: { name, type: "socket", socket_path: LOCAL_SOCKET } }));
    go({ node: node.uid });
  }

  if (nodeId !== null) {
    return (
      <>
        <StepHeading title={t.title} description={t.description} />
        {node.data && isChanging ? (
          <Card>
            <CardContent>
              <NodeForm
                node={node.data}
                submit={t.saveAndCheck}
                onCancel={() => setChanging(false)}
                onSubmit={async (body) => {
                  await update.mutateAsync({ path: { ...path, node_id: nodeId }, body });
                  setChanging(false);
                  check.mutate({ path: { ...path, node_id: nodeId } });
                }}
              />
            </CardContent>
          </Card>
        ) : node.data ? (
          <CheckResult
            node={node.data}
            onCheck={() => check.mutate({ path: { ...path, node_id: nodeId } })}
            onChange={() => setChanging(true)}
            onDone={() => go({ node_done: "1" })}
          />
        ) : node.isError ? (
          <>
            <RetryAlert error={node.error} onRetry={() => node.refetch()} />
            <Button variant="outline" className="w-fit" onClick={() => go({ node: null })}>
              {t.another}
            </Button>
          </>
        ) : (
          <Skeleton className="h-40" />
        )}
      </>
    );
  }
  return (
    <>
      <StepHeading title={t.title} description={t.description} />
      {nodes.isError && !nodes.data ? <RetryAlert error={nodes.error} onRetry={() => nodes.refetch()} /> : null}
      {nodes.data?.items.map((existing) => (
        <Button key={existing.uid} variant="outline" className="w-fit" onClick={() => go({ node: existing.uid })}>
          {t.existing(existing.name)}
        </Button>
      ))}
      <Card>
        <CardContent className="flex flex-wrap items-center gap-4">
          <Server aria-hidden="true" className="size-6 text-primary" />
          <div className="grid min-w-48 flex-1">
            <h2 className="font-medium">{t.local.title}</h2>
            <p className="text-[0.8125rem] text-muted-foreground">{t.local.description}</p>
          </div>
          <Button disabled={create.isPending} onClick={() => takeLocal().catch(() => undefined)}>
            {t.local.action}
          </Button>
        </CardContent>
      </Card>
      {create.isError && !otherOpen ? <Alert tone="bad">{toProblem(create.error).detail}</Alert> : null}
      <details
        className="group rounded-lg border border-border bg-surface"
        onToggle={(event) => setOtherOpen(event.currentTarget.open)}
      >
        <summary className="px-4 py-3 font-medium">{t.other}</summary>
        <div className="border-t border-border p-4">
          <NodeForm
            submit={forms.node.add}
            onSubmit={async (body) => {
              const made = await create.mutateAsync({ path, body });
              go({ node: made.uid });
            }}
          />
        </div>
      </details>
    </>
  );
}

type CheckResultProps = { node: NodeView; onCheck: () => void; onChange: () => void; onDone: () => void };

function CheckResult({ node, onCheck, onChange, onDone }: CheckResultProps) {
  const now = useNow();
  const checked = node.last_checked_at !== undefined;
  const ready = node.status === "active";
  const late = !checked && now.getTime() - Date.parse(node.created_at) > PATIENCE_MS;
  return (
    <div aria-live="polite" className="grid gap-4">
      {checked ? (
        <Alert tone={ready ? "ok" : "bad"} title={ready ? t.ready : t.failed}>
          {ready ? null : node.status_reason}
        </Alert>
      ) : (
        <p className="flex items-center gap-2 text-[0.8125rem]">
          <LoaderCircle aria-hidden="true" className="size-4 animate-spin text-primary" />
          {late ? t.waiting : t.checking}
        </p>
      )}
      {checked ? (
        <Card>
          <CardContent>
            <NodeChecks checks={node.checks} />
          </CardContent>
        </Card>
      ) : null}
      <div className="flex flex-wrap gap-2">
        <Button variant={ready ? "default" : "outline"} disabled={!checked && !late} onClick={onDone}>
          {ready || !checked ? t.goOn : t.anyway}
        </Button>
        {ready ? null : (
          <>
            <Button variant="outline" onClick={onCheck}>
              {t.again}
            </Button>
            <Button variant="outline" onClick={onChange}>
              {t.change}
            </Button>
          </>
        )}
      </div>
    </div>
  );
}
