import type * as React from "react";
import { useTitle } from "@/hooks/useTitle";

type PageHeaderProps = {
  title: string;
  description?: React.ReactNode;
  /** Shown beside the title, such as a status. */
  badge?: React.ReactNode;
  actions?: React.ReactNode;
};

/** A page's heading; names the tab too. */
export function PageHeader({ title, description, badge, actions }: PageHeaderProps) {
  useTitle(title);
  return (
    <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="grid min-w-0 gap-1">
        <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="min-w-0 truncate text-xl font-semibold tracking-tight">{title}</h1>
          {badge}
        </div>
        {description ? <div className="text-[0.8125rem] text-muted-foreground">{description}</div> : null}
      </div>
      {actions ? (
        // Several stand in even rows on a phone.
        <div className="flex flex-wrap items-center gap-2 max-sm:has-[>:nth-child(2)]:grid max-sm:has-[>:nth-child(2)]:w-full max-sm:has-[>:nth-child(2)]:grid-cols-[repeat(auto-fit,minmax(9.5rem,1fr))]">
          {actions}
        </div>
      ) : null}
    </header>
  );
}
