import { Check } from "lucide-react";
import { texts } from "@/lib/texts/onboarding";
import { cn } from "@/lib/utils";
import { type Go, STEPS, type Step } from "./steps";

type StepperProps = {
  current: Step;
  /** The last step has come to its end too. */
  isDone: boolean;
  /** What leads back to a step, where something does. */
  back: (step: Step) => Record<string, null> | null;
  go: Go;
};

/** Where one is, and the way back to what can be chosen anew. */
export function Stepper({ current, isDone, back, go }: StepperProps) {
  const at = STEPS.indexOf(current);
  return (
    <nav aria-label={texts.title}>
      <ol className="flex gap-1 md:grid md:gap-0">
        {STEPS.map((step, index) => (
          <li
            key={step}
            aria-current={step === current ? "step" : undefined}
            className={cn(
              "flex flex-1 items-center gap-3 border-t-2 pt-2 text-[0.8125rem] md:h-11 md:flex-none md:border-t-0 md:border-l-2 md:pt-0 md:pl-4",
              index <= at ? "border-primary" : "border-border",
              step === current ? "font-medium" : "text-muted-foreground",
            )}
          >
            <StepName step={step} changes={back(step)} go={go} />
            {index < at || (isDone && index === at) ? (
              <Check aria-label={texts.stepDone} className="size-4 text-primary max-md:hidden" />
            ) : null}
          </li>
        ))}
      </ol>
      <p aria-hidden="true" className="text-[0.8125rem] md:hidden">
        <span className="font-medium">{texts.steps[current]}</span>
        <span className="text-muted-foreground"> · {texts.at(at + 1, STEPS.length)}</span>
      </p>
    </nav>
  );
}

type StepNameProps = { step: Step; changes: Record<string, null> | null; go: Go };

/** On a phone the names are for assistive technology; a button that can't be seen must not take the focus. */
function StepName({ step, changes, go }: StepNameProps) {
  return (
    <>
      {changes ? (
        <button
          type="button"
          onClick={() => go(changes)}
          className="rounded-sm underline-offset-4 hover:text-foreground hover:underline max-md:hidden"
        >
          {texts.steps[step]}
        </button>
      ) : null}
      <span className={cn("max-md:sr-only", changes && "md:hidden")}>{texts.steps[step]}</span>
    </>
  );
}
