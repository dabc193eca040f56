import * as React from "react";
import { Input } from "@/components/ui/input";
import { texts } from "@/lib/texts/common";

type TypeToConfirmProps = { what: string; value: string; onChange: (typed: string) => void };

/** Asks for a word to be typed in before something is done that can't be undone. */
export function TypeToConfirm({ what, value, onChange }: TypeToConfirmProps) {
  const id = React.useId();
  return (
    <label htmlFor={id} className="grid gap-1.5 text-[0.8125rem]">
      <span>
        {texts.confirm.type} <strong className="font-semibold break-all">{what}</strong> {texts.confirm.toConfirm}
      </span>
      <Input
        id={id}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        autoComplete="off"
        spellCheck={false}
      />
    </label>
  );
}
