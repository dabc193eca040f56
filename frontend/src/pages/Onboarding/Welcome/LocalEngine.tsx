import { LoaderCircle, Server, ServerOff } from "lucide-react";
import * as React from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardContent } from "@/components/ui/card";
import { NodeChecks } from "@/components/utils/fleet/NodeChecks";
import { RetryAlert } from "@/components/utils/RetryAlert";
import { useNow } from "@/hooks/useNow";
import { toProblem } from "@/lib/problem";
import { texts as all } from "@/lib/texts/onboarding";
import type { useLocalEngine } from "./local-engine";
import { type CheckStage, checkStage } from "./node-check";
import type { Go } from "./steps";

const t = all.node.local;

/** The engine beside the worker: looked for at once, and offered where it can be used. */
type LocalEngineProps = { orgId: string; engine: ReturnType<typeof useLocalEngine>; go: Go };

export function LocalEngine({ orgId, engine, go }: LocalEngineProps) {
  const { node, error, retry, check, isChecking, take, giveUp } = engine;
  const now = useNow();
  // Whoever goes another way did not ask for it.
  React.useEffect(() => giveUp, [giveUp]);

  if (error) return <RetryAlert title={t.notLookedFor} error={error} onRetry={retry} />;
  const stage = node ? checkStage(node, now.getTime()) : "checking";
  const path = { org_id: orgId, node_id: node?.uid ?? "" };
  return (
    <Card className={stage === "ready" ? "border-primary/40" : undefined}>
      <CardContent className="flex flex-wrap items-center gap-4">
        <StageIcon stage={stage} />
        <div aria-live="polite" className="grid min-w-48 flex-1">
          <h2 className="font-medium">
            {stage === "ready" ? t.ready(node?.facts?.engine_version) : stage === "failed" ? t.failed : t.looking}
          </h2>
          <p className="text-[0.8125rem] text-muted-foreground">
            {stage === "late"
              ? all.node.waiting
              : stage === "failed"
                ? t.failedHint
                : node?.type === "local"
                  ? t.byHost(node.host ?? "")
                  : t.description}
          </p>
        </div>
        {stage === "ready" ? (
          <Button
            disabled={take.isPending}
            onClick={() =>
              take.mutate(
                { path, body: { is_active: true } },
                { onSuccess: ({ uid }) => go({ node: uid, node_done: "1" }) },
              )
            }
          >
            {t.action}
          </Button>
        ) : stage === "checking" ? null : (
          <Button variant="outline" disabled={isChecking} onClick={check}>
            {all.node.again}
          </Button>
        )}
      </CardContent>
      {take.isError ? (
        <CardContent className="pt-0">
          <Alert tone="bad">{toProblem(take.error).detail}</Alert>
        </CardContent>
      ) : null}
      {node && (stage === "ready" || stage === "failed") ? (
        <CardContent className="border-t border-border">
          <NodeChecks checks={node.checks} />
        </CardContent>
      ) : null}
    </Card>
  );
}

function StageIcon({ stage }: { stage: CheckStage }) {
  if (stage === "ready") return <Server aria-hidden="true" className="size-6 text-primary" />;
  if (stage === "failed") return <ServerOff aria-hidden="true" className="size-6 text-muted-foreground" />;
  return <LoaderCircle aria-hidden="true" className="size-6 animate-spin text-primary" />;
}
