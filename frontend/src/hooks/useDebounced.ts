import * as React from "react";

/** Calls back once the calls have paused; pending calls are dropped when the component goes. */
export function useDebounced<Args extends unknown[]>(callback: (...args: Args) => void, ms: number) {
  const latest = React.useRef(callback);
  const timer = React.useRef<ReturnType<typeof setTimeout>>(undefined);
  React.useLayoutEffect(() => {
    latest.current = callback;
  });
  React.useEffect(() => () => clearTimeout(timer.current), []);
  return React.useCallback(
    (...args: Args) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => latest.current(...args), ms);
    },
    [ms],
  );
}
