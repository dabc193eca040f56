import * as React from "react";
import { useSearchParams } from "react-router";
import { type ListState, nextSort, readListState, toListQuery, withParams } from "@/lib/list-state";

/** A list's state in the URL and the ways to change it. */
export function useListState() {
  const [params, setParams] = useSearchParams();
  const state: ListState = React.useMemo(() => readListState(params), [params]);
  // The router shows a change a moment after it was made; the next one must build on it all the same.
  const latest = React.useRef(params);
  React.useLayoutEffect(() => {
    latest.current = params;
  }, [params]);
  const change = React.useCallback(
    (changes: Record<string, string | number | null>, options?: { push?: boolean }) => {
      latest.current = withParams(latest.current, changes);
      return setParams(latest.current, { replace: !options?.push, preventScrollReset: true });
    },
    [setParams],
  );
  return {
    state,
    query: toListQuery(state),
    params,
    change,
    sortBy: (column: string) => change({ sort: nextSort(readListState(latest.current).sort, column) }),
  };
}

export type ListControls = ReturnType<typeof useListState>;
