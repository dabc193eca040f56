import type * as React from "react";
import { cn } from "@/lib/utils";

type EmptyProps = {
  icon?: React.ReactNode;
  title: React.ReactNode;
  description?: React.ReactNode;
  /** The next step, usually a button. */
  children?: React.ReactNode;
  /** A page of its own has its title as heading. */
  isPage?: boolean;
  className?: string;
};

export function Empty({ icon, title, description, children, isPage, className }: EmptyProps) {
  return (
    <div data-slot="empty" className={cn("grid justify-items-center gap-3 px-6 py-12 text-center", className)}>
      {icon ? (
        <span className="grid size-10 place-items-center rounded-lg border border-border bg-muted text-muted-foreground [&_svg]:size-5">
          {icon}
        </span>
      ) : null}
      <div className="grid max-w-md gap-1">
        {isPage ? <h1 className="text-base font-semibold">{title}</h1> : <p className="font-medium">{title}</p>}
        {description ? <p className="text-[0.8125rem] text-muted-foreground">{description}</p> : null}
      </div>
      {children ? <div className="flex flex-wrap justify-center gap-2">{children}</div> : null}
    </div>
  );
}
