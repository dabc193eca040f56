import { ChevronRight } from "lucide-react";
import * as React from "react";
import { Link } from "react-router";

export type Crumb = { label: string; to?: string };

export function Breadcrumb({ crumbs }: { crumbs: Crumb[] }) {
  return (
    <nav aria-label="Breadcrumb" className="min-w-0">
      <ol className="flex min-w-0 items-center gap-1.5 text-[0.8125rem] text-muted-foreground">
        {crumbs.map((crumb, index) => (
          <React.Fragment key={crumb.to ?? crumb.label}>
            {index > 0 ? <ChevronRight aria-hidden="true" className="size-3.5 shrink-0 opacity-60" /> : null}
            <li className="min-w-0 truncate">
              {crumb.to ? (
                <Link to={crumb.to} className="rounded-sm hover:text-foreground hover:underline">
                  {crumb.label}
                </Link>
              ) : (
                <span aria-current="page" className="font-medium text-foreground">
                  {crumb.label}
                </span>
              )}
            </li>
          </React.Fragment>
        ))}
      </ol>
    </nav>
  );
}
