import * as React from "react";
import { flushSync } from "react-dom";

/**
 * Radix wants a trigger's parts around it from the start: for each of a list's fifty rows a menu and three tooltips
 * that nobody has asked for, which took most of the time that the list took. So the trigger stands there by itself,
 * and what belongs to it is made when somebody points at it or it takes the focus, with a stand-in in its place.
 */

type Wanted = { element: HTMLElement; by: "pointer" | "focus" };

/** Who the trigger is once it is wanted, and what it needs to find that out. */
export function useWanted() {
  const [wanted, setWanted] = React.useState<Wanted | null>(null);
  function want(element: HTMLElement, by: Wanted["by"]): void {
    if (element !== wanted?.element) setWanted({ element, by });
  }
  const watch = {
    // At once: the move, or the finger's press, that comes with it must find the listeners in place.
    onPointerEnter: (event: React.PointerEvent<HTMLElement>) => {
      const { currentTarget } = event;
      flushSync(() => want(currentTarget, "pointer"));
    },
    onFocus: (event: React.FocusEvent<HTMLElement>) => want(event.currentTarget, "focus"),
  };
  return { wanted, watch };
}

type StandInProps = { of: Wanted; ref?: React.Ref<HTMLElement> } & Readonly<Record<string, unknown>>;

/** The child of a Radix trigger with `asChild`: hands on what it is given to the element that is there already. */
export function StandIn({ of, ref, ...given }: StandInProps) {
  const { element, by } = of;
  React.useImperativeHandle(ref, () => element, [element]);

  React.useLayoutEffect(() => {
    for (const [name, value] of Object.entries(given)) {
      if (name !== "id" && !name.startsWith("aria-")) continue;
      if (value === undefined || value === null) element.removeAttribute(name);
      else element.setAttribute(name, String(value));
    }
    const listeners = Object.entries(given).flatMap(([name, value]) =>
      typeof value === "function" ? [[eventOf(name), value as EventListener] as const] : [],
    );
    for (const [type, listener] of listeners) element.addEventListener(type, listener);
    return () => {
      for (const [type, listener] of listeners) element.removeEventListener(type, listener);
    };
  });

  // The focus that called for all this came before anybody listened.
  const { onFocus } = given;
  const focused = React.useEffectEvent(() => {
    if (typeof onFocus === "function") onFocus(new FocusEvent("focus"));
  });
  React.useEffect(() => {
    if (by === "focus" && element === document.activeElement) focused();
  }, [element, by]);
  return null;
}

/** React's focus events bubble. */
const BUBBLING: Readonly<Record<string, string>> = { focus: "focusin", blur: "focusout" };

function eventOf(name: string): string {
  const type = name.slice(2).toLowerCase();
  return BUBBLING[type] ?? type;
}
