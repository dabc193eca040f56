import * as React from "react";
import { useSearchParams } from "react-router";
import { useNow } from "@/hooks/useNow";
import { CHART_POINTS, type RangeName, rangeOf, readRange, refreshOf } from "@/lib/time-range";

/** The range of time that the URL names, as a chart needs it and as the api is asked for it. */
export function useTimeRange() {
  const [params, setParams] = useSearchParams();
  const now = useNow();
  const name = readRange(params);
  const { from, to } = rangeOf(name, now.getTime());
  const choose = React.useCallback(
    (chosen: RangeName) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          next.set("range", chosen);
          return next;
        },
        { replace: true, preventScrollReset: true },
      ),
    [setParams],
  );
  return {
    name,
    choose,
    from,
    to,
    query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: CHART_POINTS },
    refreshMs: refreshOf(name),
  };
}

export type TimeRange = ReturnType<typeof useTimeRange>;
