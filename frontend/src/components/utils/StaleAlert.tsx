import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { isMissing } from "@/lib/problem";
import { texts } from "@/lib/texts/common";

/** What a query tells of itself, as far as its age is concerned. */
export type Aged = {
  data: unknown;
  error: unknown;
  isError: boolean;
  dataUpdatedAt: number;
  refetch: () => unknown;
};

/** Says that what is shown could not be refreshed and how old it is, or that the thing is no longer there. */
export function StaleAlert({ source, className }: { source: Aged; className?: string }) {
  if (!source.isError || source.data === undefined) return null;
  if (isMissing(source.error)) {
    return (
      <Alert tone="warn" title={texts.stale.removed} className={className}>
        {texts.stale.removedHint}
      </Alert>
    );
  }
  return (
    <Alert
      tone="warn"
      className={className}
      actions={
        <Button variant="outline" size="xs" onClick={() => source.refetch()}>
          {texts.retry}
        </Button>
      }
    >
      <p>
        {texts.stale.failed} <TimeAgo at={new Date(source.dataUpdatedAt).toISOString()} />.
      </p>
    </Alert>
  );
}

/** Why nothing can be done with what a query last told of: it is no longer there. */
export function whyGone(source: Pick<Aged, "error" | "isError">): string | null {
  return source.isError && isMissing(source.error) ? texts.stale.removed : null;
}
