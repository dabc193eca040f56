import * as React from "react";
import { Label } from "@/components/ui/label";
import { Switch } from "@/components/ui/switch";
import { singleKeys } from "@/lib/single-keys";
import { texts } from "@/lib/texts/layout";

/** Turns the single-key shortcuts off and on, in this browser. */
export function SingleKeysSwitch() {
  const isOn = React.useSyncExternalStore(singleKeys.subscribe, singleKeys.get);
  const hint = React.useId();
  return (
    <div className="grid gap-1">
      <Label>
        <Switch checked={isOn} onCheckedChange={singleKeys.set} aria-describedby={hint} />
        {texts.shortcuts.single.label}
      </Label>
      <p id={hint} className="text-xs text-muted-foreground">
        {texts.shortcuts.single.hint}
      </p>
    </div>
  );
}
