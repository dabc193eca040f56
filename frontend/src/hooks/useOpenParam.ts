import * as React from "react";
import { useSearchParams } from "react-router";

const NONE: readonly string[] = [];

/**
 * What a page has open (a panel, a form), kept in the URL so that a link leads to it and "back" closes it. `inside` are
 * the parameters of what is open: they go when it is closed.
 */
export function useOpenParam(name: string, inside = NONE): [string | null, (value: string | null) => void] {
  const [params, setParams] = useSearchParams();
  const set = React.useCallback(
    (value: string | null) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          if (value === null) for (const each of [name, ...inside]) next.delete(each);
          else next.set(name, value);
          return next;
        },
        { replace: value === null, preventScrollReset: true },
      ),
    [name, inside, setParams],
  );
  return [params.get(name), set];
}
