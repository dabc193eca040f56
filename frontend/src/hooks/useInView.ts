import * as React from "react";

/** One observer for all, so that a list of fifty hears of all its rows at once. */
const listeners = new Map<Element, () => void>();
let observer: IntersectionObserver | undefined;

function whenSeen(element: Element, listener: () => void): () => void {
  observer ??= new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) listeners.get(target)?.();
  });
  listeners.set(element, listener);
  observer.observe(element);
  return () => {
    listeners.delete(element);
    observer?.unobserve(element);
  };
}

/** Whether an element has come into view; it then counts as seen for good. */
export function useInView<E extends Element>(): [React.RefObject<E | null>, boolean] {
  const ref = React.useRef<E>(null);
  const [seen, setSeen] = React.useState(false);
  React.useEffect(() => {
    const element = ref.current;
    if (element && !seen) return whenSeen(element, () => setSeen(true));
  }, [seen]);
  return [ref, seen];
}
