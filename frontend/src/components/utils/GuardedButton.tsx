import { toast } from "sonner";
import { Button, type ButtonProps } from "@/components/ui/button";
import { Tooltip } from "@/components/utils/Tooltip";

type GuardedButtonProps = Omit<ButtonProps, "disabled" | "asChild"> & {
  /** Why it may not be used; null where it may. */
  reason: string | null;
};

/**
 * A button that may be out of reach. It is not `disabled` then, because a disabled button can't be focused
 * and so could not say why.
 */
export function GuardedButton({ reason, onClick, ...props }: GuardedButtonProps) {
  return (
    <Tooltip content={reason}>
      <Button
        {...props}
        aria-disabled={reason ? true : undefined}
        onClick={(event) => {
          if (!reason) {
            onClick?.(event);
            return;
          }
          event.preventDefault();
          // A finger opens no tooltip.
          toast.message(reason, { id: reason });
        }}
      />
    </Tooltip>
  );
}
