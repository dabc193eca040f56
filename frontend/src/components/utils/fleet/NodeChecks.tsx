import { CircleCheck, CircleX } from "lucide-react";
import type { NodeCheck } from "@/lib/api/generated/types.gen";
import { sentence } from "@/lib/problem";
import { texts } from "@/lib/texts/fleet";

/** The named checks of a node, each with what helps where it failed. */
export function NodeChecks({ checks }: { checks: readonly NodeCheck[] }) {
  if (checks.length === 0) return <p className="text-[0.8125rem] text-muted-foreground">{texts.nodes.noChecks}</p>;
  return (
    <ul className="grid gap-2">
      {checks.map((check) => (
        <li key={check.name} className="flex gap-2.5 text-[0.8125rem]">
          {check.ok ? (
            <CircleCheck aria-label={texts.nodes.passed} className="mt-0.5 size-4 shrink-0 text-ok" />
          ) : (
            <CircleX aria-label={texts.nodes.failed} className="mt-0.5 size-4 shrink-0 text-destructive" />
          )}
          <div className="grid min-w-0 gap-0.5 break-words">
            <span className="font-medium">{checkName(check.name)}</span>
            {check.message ? <span className="text-muted-foreground">{sentence(check.message)}</span> : null}
            {!check.ok && check.fix ? (
              <span className="rounded-md bg-warn-soft px-2 py-1">
                {texts.nodes.fix}: {check.fix}
              </span>
            ) : null}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** `api_version` reads as `API version`, `disk` as `Disk`. */
function checkName(name: string): string {
  const words = name.replaceAll("_", " ").replace(/\b(api|tls|cpu)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}
