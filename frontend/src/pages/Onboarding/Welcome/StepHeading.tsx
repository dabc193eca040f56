import * as React from "react";

/** The heading of a step; takes the focus, so that a change of step is announced. */
export function StepHeading({ title, description }: { title: string; description: string }) {
  const heading = React.useRef<HTMLHeadingElement>(null);
  React.useEffect(() => heading.current?.focus(), []);
  return (
    <div className="grid gap-1">
      <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold tracking-tight outline-none">
        {title}
      </h1>
      <p className="text-[0.8125rem] text-muted-foreground">{description}</p>
    </div>
  );
}
