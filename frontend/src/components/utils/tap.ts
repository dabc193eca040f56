import { toast } from "sonner";

/** For what has a tooltip and does nothing by itself: a finger opens none, so that a tap says it. */
export function tellOnTap(what: string): (event: { pointerType: string }) => void {
  return ({ pointerType }) => {
    if (pointerType === "touch") toast.message(what, { id: what });
  };
}
