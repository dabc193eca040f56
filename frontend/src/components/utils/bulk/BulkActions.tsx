import type { LucideIcon } from "lucide-react";
import * as React from "react";
import { BulkDialog } from "@/components/utils/bulk/BulkDialog";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { texts } from "@/lib/texts/bulk";
import { cn } from "@/lib/utils";

/** Something that is done to several resources at once, each by a request of its own. */
export type BulkAction<Row> = {
  id: string;
  label: string;
  icon: LucideIcon;
  destructive?: boolean;
  /** Whether it can't be undone: the number is to be typed in before, or the name of what is alone. */
  typeToConfirm?: boolean;
  /** The question that is asked before, for so many. */
  title: (howMany: number) => string;
  /** What will happen, in plain words. */
  description: string;
  /** Why the user may not do it at all, or null where they may. */
  forbidden: string | null;
  /** Why it can't be done to this one, or null where it can. */
  whyNot?: (row: Row) => string | null;
  run: (row: Row) => Promise<unknown>;
};

type BulkActionsProps<Row> = {
  actions: readonly BulkAction<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  rowLabel: (row: Row) => string;
  onDone: () => void;
};

/** One button per action; one that fits none of the rows says why. */
export function BulkActions<Row>({ actions, rows, rowKey, rowLabel, onDone }: BulkActionsProps<Row>) {
  const [open, setOpen] = React.useState<BulkAction<Row> | null>(null);
  return (
    <>
      {actions.map((action) => {
        const reasons = rows.map((row) => action.whyNot?.(row) ?? null);
        const fits = reasons.includes(null);
        const only = new Set(reasons).size === 1 ? reasons[0] : null;
        return (
          <GuardedButton
            key={action.id}
            variant="outline"
            size="xs"
            className={cn(action.destructive && "text-destructive")}
            reason={action.forbidden ?? (fits ? null : (only ?? texts.none))}
            onClick={() => setOpen(action)}
          >
            <action.icon className="size-3.5!" />
            {action.label}
          </GuardedButton>
        );
      })}
      <BulkDialog
        action={open}
        rows={rows}
        rowKey={rowKey}
        rowLabel={rowLabel}
        onClose={(didRun) => {
          setOpen(null);
          if (didRun) onDone();
        }}
      />
    </>
  );
}
