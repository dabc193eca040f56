import { Check, Minus } from "lucide-react";

type CheckBoxProps = {
  label: string;
  checked: boolean | "some";
  onChange: (checked: boolean) => void;
};

/** The browser's own box, for lists, which have one in every row. It is 16 px, its target 24 px (WCAG 2.2). */
export function CheckBox({ label, checked, onChange }: CheckBoxProps) {
  const Icon = checked === "some" ? Minus : Check;
  return (
    <span className="relative grid size-6 shrink-0 place-items-center">
      <input
        type="checkbox"
        aria-label={label}
        className="peer absolute inset-0 size-6 appearance-none rounded-sm"
        checked={checked === true}
        ref={(input) => {
          if (input) input.indeterminate = checked === "some";
        }}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span
        aria-hidden="true"
        className="pointer-events-none grid size-4 place-items-center rounded-sm border border-input bg-surface text-primary-foreground peer-checked:border-primary peer-checked:bg-primary peer-indeterminate:border-primary peer-indeterminate:bg-primary"
      >
        {checked === false ? null : <Icon className="size-3" strokeWidth={3} />}
      </span>
    </span>
  );
}
