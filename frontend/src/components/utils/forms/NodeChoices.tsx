import * as React from "react";
import { Checkbox } from "@/components/ui/checkbox";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { FieldError } from "@/components/utils/forms/FieldError";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/forms";

const t = texts.runner.nodes;
/** More than these are looked through by name. */
const FEW = 12;

type NodeChoicesProps = {
  nodes: readonly NodeView[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  error?: string | undefined;
};

/** The nodes that a runner's instances may be placed on. */
export function NodeChoices({ nodes, chosen, onChange, error }: NodeChoicesProps) {
  const [wanted, setWanted] = React.useState("");
  const isFound = ({ name }: NodeView) => name.toLowerCase().includes(wanted.trim().toLowerCase());
  return (
    <fieldset className="grid gap-1">
      <legend className="text-[0.8125rem] font-medium">{t.label}</legend>
      <p className="text-xs text-muted-foreground">{chosen.length === 0 ? t.hint : null}</p>
      {nodes.length > FEW ? (
        <Input
          type="search"
          aria-label={t.find}
          placeholder={t.find}
          className="h-8 text-[0.8125rem]"
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
          // Enter is for what is looked for, not for the whole form.
          onKeyDown={(event) => (event.key === "Enter" ? event.preventDefault() : undefined)}
        />
      ) : null}
      <div className="-mx-1 grid max-h-64 gap-1 overflow-y-auto px-1">
        {nodes.filter(isFound).map((node) => (
          <Label key={node.uid} className="font-normal">
            <Checkbox
              checked={chosen.includes(node.uid)}
              onCheckedChange={(on) =>
                onChange(on === true ? [...chosen, node.uid] : chosen.filter((id) => id !== node.uid))
              }
            />
            {node.name}
          </Label>
        ))}
      </div>
      <FieldError message={error} />
    </fieldset>
  );
}
