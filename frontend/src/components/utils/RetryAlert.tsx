import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { toProblem } from "@/lib/problem";
import { texts } from "@/lib/texts/common";

type RetryAlertProps = { error: unknown; onRetry: () => void; title?: string };

/** Part of a page that could not be had: why, and a way to ask again. */
export function RetryAlert({ error, onRetry, title = texts.errors.other }: RetryAlertProps) {
  return (
    <Alert
      tone="warn"
      title={title}
      actions={
        <Button variant="outline" size="sm" onClick={onRetry}>
          {texts.retry}
        </Button>
      }
    >
      {toProblem(error).detail}
    </Alert>
  );
}
