import * as React from "react";
import { useSearchParams } from "react-router";

/** What a page has open (a panel, a form), kept in the URL so that a link leads to it and "back" closes it. */
export function useOpenParam(name: string): [string | null, (value: string | null) => void] {
  const [params, setParams] = useSearchParams();
  const set = React.useCallback(
    (value: string | null) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          if (value === null) next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: value === null, preventScrollReset: true },
      ),
    [name, setParams],
  );
  return [params.get(name), set];
}
