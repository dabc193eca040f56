import { CircleCheck, CircleDashed, CircleX } from "lucide-react";
import * as React from "react";
import { Alert } from "@/components/ui/alert";
import {
  AlertDialog,
  AlertDialogCancel,
  AlertDialogContent,
  AlertDialogDescription,
  AlertDialogTitle,
} from "@/components/ui/alert-dialog";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import type { BulkAction } from "@/components/utils/bulk/BulkActions";
import { TypeToConfirm } from "@/components/utils/TypeToConfirm";
import { type Outcome, runEach } from "@/lib/concurrent";
import { toProblem } from "@/lib/problem";
import { texts as t } from "@/lib/texts/bulk";

/** Requests at once: enough to be quick, few enough to leave the server room for others. */
const AT_ONCE = 4;

type BulkDialogProps<Row> = {
  action: BulkAction<Row> | null;
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  rowLabel: (row: Row) => string;
  onClose: (didRun: boolean) => void;
};

/** Asks before, shows how far it is, and says at the end what became of each. */
export function BulkDialog<Row>({ action, onClose, ...props }: BulkDialogProps<Row>) {
  return (
    <AlertDialog open={action !== null}>
      {action ? <Body key={action.id} action={action} onClose={onClose} {...props} /> : null}
    </AlertDialog>
  );
}

type BodyProps<Row> = Omit<BulkDialogProps<Row>, "action"> & { action: BulkAction<Row> };
type Phase = "asking" | "running" | "done";

function Body<Row>({ action, rows, rowKey, rowLabel, onClose }: BodyProps<Row>) {
  // What was selected when the question was asked; the list behind may change meanwhile.
  const [{ items, left }] = React.useState(() => ({
    items: rows.filter((row) => !action.whyNot?.(row)),
    left: rows.flatMap((row) => {
      const reason = action.whyNot?.(row);
      return reason ? [{ row, reason }] : [];
    }),
  }));
  const [phase, setPhase] = React.useState<Phase>("asking");
  const [outcomes, setOutcomes] = React.useState<ReadonlyMap<string, Outcome<Row>>>(new Map());
  const [typed, setTyped] = React.useState("");
  const [only] = items;
  const mustType =
    action.typeToConfirm && only !== undefined ? (items.length === 1 ? rowLabel(only) : String(items.length)) : null;
  const ready = mustType === null || typed.trim() === mustType;
  const failed = [...outcomes.values()].filter((outcome) => !outcome.ok);
  const close = () => (phase === "running" ? undefined : onClose(phase === "done"));

  async function start(event: React.FormEvent): Promise<void> {
    event.preventDefault();
    if (!ready || phase !== "asking") return;
    setPhase("running");
    await runEach(items, AT_ONCE, action.run, (outcome) =>
      setOutcomes((known) => new Map(known).set(rowKey(outcome.item), outcome)),
    );
    setPhase("done");
  }

  return (
    <AlertDialogContent onEscapeKeyDown={close}>
      <div className="grid gap-1.5">
        <AlertDialogTitle>{action.title(items.length)}</AlertDialogTitle>
        <AlertDialogDescription>{action.description}</AlertDialogDescription>
      </div>
      {phase === "asking" ? null : (
        <div aria-live="polite" className="grid gap-2 text-[0.8125rem]">
          {phase === "running" ? (
            <>
              <p>{t.ofMany(outcomes.size, items.length)}</p>
              <Progress value={outcomes.size} max={items.length} label={t.ofMany(outcomes.size, items.length)} />
            </>
          ) : (
            <Alert tone={failed.length > 0 ? "bad" : "ok"}>
              {failed.length > 0 ? t.someFailed(failed.length, items.length) : t.allDone(items.length)}
            </Alert>
          )}
        </div>
      )}
      <ul
        aria-label={phase === "asking" ? t.affected : t.outcomes}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be focusable (WCAG 2.1.1)
        tabIndex={0}
        className="grid max-h-60 gap-1 overflow-y-auto rounded-md border border-border p-2 text-[0.8125rem]"
      >
        {items.map((row) => (
          <Item key={rowKey(row)} name={rowLabel(row)} phase={phase} outcome={outcomes.get(rowKey(row))} />
        ))}
        {left.length > 0 ? <li className="pt-1 text-xs text-muted-foreground">{t.skipped(left.length)}</li> : null}
        {left.map(({ row, reason }) => (
          <li key={rowKey(row)} className="min-w-0 text-xs break-words text-muted-foreground">
            {rowLabel(row)}: {reason}
          </li>
        ))}
      </ul>
      {phase === "asking" ? (
        <form onSubmit={start} className="grid gap-4">
          {mustType === null ? null : <TypeToConfirm what={mustType} value={typed} onChange={setTyped} />}
          <div className="flex flex-wrap justify-end gap-2">
            <AlertDialogCancel asChild>
              <Button variant="outline" onClick={close}>
                {t.cancel}
              </Button>
            </AlertDialogCancel>
            <Button type="submit" variant={action.destructive ? "destructive" : "default"} disabled={!ready}>
              {action.label}
            </Button>
          </div>
        </form>
      ) : (
        <div className="flex justify-end">
          <AlertDialogCancel asChild>
            <Button disabled={phase === "running"} onClick={close}>
              {t.close}
            </Button>
          </AlertDialogCancel>
        </div>
      )}
    </AlertDialogContent>
  );
}

type ItemProps<Row> = { name: string; phase: Phase; outcome: Outcome<Row> | undefined };

function Item<Row>({ name, phase, outcome }: ItemProps<Row>) {
  return (
    <li className="flex min-w-0 gap-2">
      {phase === "asking" ? null : outcome === undefined ? (
        <CircleDashed aria-label={t.waiting} className="mt-0.5 size-4 shrink-0 text-muted-foreground" />
      ) : outcome.ok ? (
        <CircleCheck aria-label={t.done} className="mt-0.5 size-4 shrink-0 text-ok" />
      ) : (
        <CircleX aria-label={t.failed} className="mt-0.5 size-4 shrink-0 text-destructive" />
      )}
      <span className="grid min-w-0">
        <span className="break-all">{name}</span>
        {outcome && !outcome.ok ? (
          <span className="text-xs break-words text-destructive">{toProblem(outcome.error).detail}</span>
        ) : null}
      </span>
    </li>
  );
}
