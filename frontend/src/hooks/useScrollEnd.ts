import * as React from "react";

/** Closer to the end than this counts as at the end. */
const NEAR_PX = 24;

/**
 * Whether a scrolled frame is to stay at its end: until somebody scrolls up, and again from when somebody
 * reaches the end. Growth alone changes nothing, nor does being scrolled by the page itself.
 */
export function useScrollEnd(frame: React.RefObject<HTMLElement | null>, end: number) {
  /** Where the end was when following stopped. */
  const [pausedAt, setPausedAt] = React.useState<number | null>(null);
  const [isAtEnd, setAtEnd] = React.useState(true);
  const last = React.useRef({ top: 0, height: 0 });
  /** Led somewhere by the page: reaching the end there is not what somebody wanted. */
  const isHeld = React.useRef(false);
  const latest = React.useRef(end);
  React.useLayoutEffect(() => {
    latest.current = end;
  }, [end]);

  const pause = React.useCallback(() => setPausedAt((at) => at ?? latest.current), []);
  const resume = React.useCallback(() => {
    isHeld.current = false;
    setPausedAt(null);
  }, []);
  const hold = React.useCallback(() => {
    isHeld.current = true;
    pause();
  }, [pause]);
  const release = React.useCallback(() => {
    isHeld.current = false;
  }, []);

  function onScroll(): void {
    const element = frame.current;
    if (!element) return;
    const { scrollTop: top, scrollHeight: height, clientHeight } = element;
    // A frame whose content became shorter is scrolled up by the browser.
    const isUp = top < last.current.top - 1 && height >= last.current.height;
    const isNear = height - top - clientHeight < NEAR_PX;
    last.current = { top, height };
    setAtEnd(isNear);
    if (isUp) pause();
    else if (!isHeld.current && isNear) resume();
  }

  /** What the frame has to tell. */
  const input = { onScroll, onWheel: release, onTouchMove: release, onPointerDown: release };
  return { follow: pausedAt === null, pausedAt, isAtEnd, pause, resume, hold, release, input };
}
