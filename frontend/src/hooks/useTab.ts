import * as React from "react";
import { useSearchParams } from "react-router";

const NONE: readonly string[] = [];

/**
 * Which tab is open, kept in the URL; the first one is when it names none, and the address then says nothing of it,
 * nor of what only the others need.
 */
export function useTab<Name extends string>(
  tabs: readonly [Name, ...Name[]],
  others = NONE,
): [Name, (tab: string) => void] {
  const [params, setParams] = useSearchParams();
  const [first] = tabs;
  const open = tabs.find((each) => each === params.get("tab")) ?? first;
  const set = React.useCallback(
    (tab: string) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          if (tab === first) for (const name of ["tab", ...others]) next.delete(name);
          else next.set("tab", tab);
          return next;
        },
        { replace: true, preventScrollReset: true },
      ),
    [setParams, first, others],
  );
  return [open, set];
}
