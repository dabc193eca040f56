import { CloudOff, LockKeyhole, OctagonX, SearchX } from "lucide-react";
import type * as React from "react";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/empty";
import { endSession } from "@/lib/auth-session";
import { isTransient, NO_ANSWER, type Problem, toProblem } from "@/lib/problem";
import { texts } from "@/lib/texts/common";
import { cn } from "@/lib/utils";

type ErrorStateProps = {
  error: unknown;
  onRetry?: (() => void) | undefined;
  isPage?: boolean;
  /** What else may help. */
  action?: React.ReactNode;
};

/** The rest of what the server says, where it begins with what the title says already. */
function beside(title: string, { status, detail }: Problem): string {
  if (status === 404 && detail.startsWith(title)) return texts.errors.missing;
  return detail.startsWith(`${title}. `) ? detail.slice(title.length + 2) : detail;
}

/** What a view shows in place of data that could not be had. */
export function ErrorState({ error, onRetry, isPage = false, action }: ErrorStateProps) {
  const problem = toProblem(error);
  const Icon =
    problem.status === NO_ANSWER
      ? CloudOff
      : problem.status === 404
        ? SearchX
        : problem.status === 403
          ? LockKeyhole
          : OctagonX;
  const title = texts.errors.titles[problem.status] ?? texts.errors.other;
  return (
    <div role="alert" className={cn(isPage && "grid min-h-[60vh] content-center")}>
      <Empty isPage={isPage} icon={<Icon />} title={title} description={beside(title, problem)}>
        {onRetry && isTransient(problem) ? (
          <Button variant="outline" size="sm" onClick={onRetry}>
            {texts.retry}
          </Button>
        ) : null}
        {action}
        {problem.status === 401 ? (
          <Button variant="outline" size="sm" onClick={endSession}>
            {texts.errors.signInAgain}
          </Button>
        ) : null}
        {problem.request_id ? (
          <p className="w-full font-mono text-2xs text-muted-foreground">
            {texts.errors.requestId} {problem.request_id}
          </p>
        ) : null}
      </Empty>
    </div>
  );
}
