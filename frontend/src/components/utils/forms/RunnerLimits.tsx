import { Controller, type UseFormReturn, useWatch } from "react-hook-form";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { RadioCard, RadioGroup } from "@/components/ui/radio-group";
import { Switch } from "@/components/ui/switch";
import { FieldError } from "@/components/utils/forms/FieldError";
import { NodeChoices } from "@/components/utils/forms/NodeChoices";
import { type RunnerFormInput, type RunnerFormValues, SIZES } from "@/components/utils/forms/runner-values";
import { Tooltip } from "@/components/utils/Tooltip";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { mebibytes } from "@/lib/format";
import { texts } from "@/lib/texts/forms";

const t = texts.runner;
const LIMITS = ["max_instances", "min_idle", "ephemeral", "host_network", "node_ids"] as const;

type RunnerLimitsProps = {
  form: UseFormReturn<RunnerFormInput, unknown, RunnerFormValues>;
  nodes: readonly NodeView[];
  hostNetworkReason: string | null;
};

/** The second half of the runner's form: size, numbers, placement. */
export function RunnerLimits({ form, nodes, hostNetworkReason }: RunnerLimitsProps) {
  const { errors } = form.formState;
  const size = useWatch({ control: form.control, name: "size" });
  return (
    <>
      <Controller
        control={form.control}
        name="size"
        render={({ field }) => (
          <fieldset className="@container">
            <legend className="mb-1.5 text-[0.8125rem] font-medium">{t.size}</legend>
            <RadioGroup value={field.value} onValueChange={field.onChange} className="grid-cols-2 @xl:grid-cols-4">
              {(["small", "medium", "large"] as const).map((name) => (
                <RadioCard
                  key={name}
                  value={name}
                  title={t.sizes[name]}
                  description={`${SIZES[name].cpus} CPU · ${mebibytes(SIZES[name].memory_mb)}`}
                />
              ))}
              <RadioCard value="custom" title={t.sizes.custom} description={t.customHint} />
            </RadioGroup>
          </fieldset>
        )}
      />
      {size === "custom" ? (
        <div className="grid items-start gap-4 sm:grid-cols-3">
          <Field label={t.cpus.label} error={errors.resources?.cpus?.message}>
            <Input type="number" step="0.1" {...form.register("resources.cpus")} />
          </Field>
          <Field label={t.memory.label} error={errors.resources?.memory_mb?.message}>
            <Input type="number" {...form.register("resources.memory_mb")} />
          </Field>
          <Field label={t.pids.label} error={errors.resources?.pids?.message}>
            <Input type="number" {...form.register("resources.pids")} />
          </Field>
        </div>
      ) : null}
      <details
        className="rounded-md border border-border px-3 py-2"
        open={LIMITS.some((name) => errors[name]) || undefined}
      >
        <summary className="text-[0.8125rem] font-medium">{t.advanced}</summary>
        <div className="grid gap-4 pt-3 pb-1">
          <div className="grid items-start gap-4 sm:grid-cols-2">
            <Field label={t.maxInstances.label} error={errors.max_instances?.message}>
              <Input type="number" min={1} {...form.register("max_instances")} />
            </Field>
            <Field label={t.minIdle.label} error={errors.min_idle?.message}>
              <Input type="number" min={0} {...form.register("min_idle")} />
            </Field>
          </div>
          <Controller
            control={form.control}
            name="ephemeral"
            render={({ field }) => (
              <SwitchField
                {...t.ephemeral}
                checked={field.value}
                onChange={field.onChange}
                reason={null}
                error={errors.ephemeral?.message}
              />
            )}
          />
          <Controller
            control={form.control}
            name="host_network"
            render={({ field }) => (
              <SwitchField
                {...t.hostNetwork}
                checked={field.value}
                onChange={field.onChange}
                reason={hostNetworkReason}
                error={errors.host_network?.message}
              />
            )}
          />
          <Controller
            control={form.control}
            name="node_ids"
            render={({ field }) => (
              <NodeChoices
                nodes={nodes}
                chosen={field.value}
                onChange={field.onChange}
                error={errors.node_ids?.message}
              />
            )}
          />
        </div>
      </details>
    </>
  );
}

type SwitchFieldProps = {
  label: string;
  hint: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  reason: string | null;
  error?: string | undefined;
};

function SwitchField({ label, hint, checked, onChange, reason, error }: SwitchFieldProps) {
  return (
    <div className="grid gap-1">
      <Label>
        <Tooltip content={reason}>
          <Switch checked={checked} onCheckedChange={onChange} disabled={reason !== null && !checked} />
        </Tooltip>
        {label}
      </Label>
      <p className="text-xs text-muted-foreground">{reason ?? hint}</p>
      <FieldError message={error} />
    </div>
  );
}
