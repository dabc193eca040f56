import { LoaderCircle } from "lucide-react";
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
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/onboarding";
import { LocalEngine } from "./LocalEngine";
import { useLocalEngine } from "./local-engine";
import { checkStage } from "./node-check";
import { StepHeading } from "./StepHeading";
import { useFleetChoices, useNodeStep } from "./service";
import type { Go } from "./steps";

const t = all.node;

type NodeStepProps = { orgId: string; nodeId: string | null; go: Go };

export function NodeStep({ orgId, nodeId, go }: NodeStepProps) {
  const { node, update, check } = useNodeStep(orgId, nodeId);
  const [isChanging, setChanging] = React.useState(false);
  const path = { org_id: orgId };

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
  return <NodeChoice orgId={orgId} go={go} />;
}

function NodeChoice({ orgId, go }: { orgId: string; go: Go }) {
  const { create } = useNodeStep(orgId, null);
  const { nodes } = useFleetChoices(orgId);
  const engine = useLocalEngine(orgId);
  // That of this machine has its own card.
  const others = (nodes.data?.items ?? []).filter((existing) => !engine.own.includes(existing.uid));
  return (
    <>
      <StepHeading title={t.title} description={t.description} />
      {nodes.isError && !nodes.data ? <RetryAlert error={nodes.error} onRetry={() => nodes.refetch()} /> : null}
      <LocalEngine orgId={orgId} engine={engine} go={go} />
      {others.map((existing) => (
        <Button key={existing.uid} variant="outline" className="w-fit" onClick={() => go({ node: existing.uid })}>
          {t.existing(existing.name)}
        </Button>
      ))}
      <details className="group rounded-lg border border-border bg-surface">
        <summary className="px-4 py-3 font-medium">{t.other}</summary>
        <div className="border-t border-border p-4">
          <NodeForm
            submit={forms.node.add}
            onSubmit={async (body) => {
              const made = await create.mutateAsync({ path: { org_id: orgId }, body });
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
  const stage = checkStage(node, now.getTime());
  const checked = stage === "ready" || stage === "failed";
  const ready = stage === "ready";
  const late = stage === "late";
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
