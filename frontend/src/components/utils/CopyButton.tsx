import { Check, Copy } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Tooltip } from "@/components/utils/Tooltip";
import { useCopy } from "@/hooks/useCopy";
import { texts } from "@/lib/texts/common";

/** Copies `text`; `label` says what it is. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { copied, copy } = useCopy();
  return (
    <Tooltip content={copied ? texts.copied : label}>
      <Button variant="ghost" size="icon-sm" aria-label={label} onClick={() => copy(text)}>
        {copied ? <Check className="text-ok" /> : <Copy />}
        <span aria-live="polite" className="sr-only">
          {copied ? texts.copied : ""}
        </span>
      </Button>
    </Tooltip>
  );
}

/** Code to copy, as a block. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="flex min-w-0 items-start rounded-md border border-border bg-log">
      <section
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be focusable (WCAG 2.1.1)
        tabIndex={0}
        className="min-w-0 flex-1 overflow-x-auto p-3 focus-visible:-outline-offset-2"
      >
        <pre className="font-mono text-xs leading-5">{text}</pre>
      </section>
      {/* Beside what scrolls, so that it never lies on it. */}
      <div className="shrink-0 p-1.5">
        <CopyButton text={text} label={texts.copy(label)} />
      </div>
    </div>
  );
}
