import * as React from "react";

/** Whether an element has come into view; it then counts as seen for good. */
export function useInView<E extends Element>(): [React.RefObject<E | null>, boolean] {
  const ref = React.useRef<E>(null);
  const [seen, setSeen] = React.useState(false);
  React.useEffect(() => {
    const element = ref.current;
    if (!element || seen) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [seen]);
  return [ref, seen];
}
