import { zodResolver } from "@hookform/resolvers/zod";
import { Controller, useForm, useWatch } from "react-hook-form";
import { z } from "zod";
import { Checkbox } from "@/components/ui/checkbox";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { RadioCard, RadioGroup } from "@/components/ui/radio-group";
import { Skeleton } from "@/components/ui/skeleton";
import { FormFrame } from "@/components/utils/FormFrame";
import { FieldError } from "@/components/utils/forms/FieldError";
import { RetryAlert } from "@/components/utils/RetryAlert";
import { useServerErrors } from "@/hooks/useServerErrors";
import type { MemberView } from "@/lib/api/generated/types.gen";
import { texts as common } from "@/lib/texts/common";
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/organisation";
import { groupsOf } from "./permission-groups";
import { usePermissions } from "./service";

const t = all.members;

const schema = z.object({
  email: z.string().trim().min(1, forms.required),
  role: z.enum(["admin", "member"]),
  permissions: z.record(z.string(), z.boolean()),
});
type Values = z.infer<typeof schema>;

type MemberFormProps = { member?: MemberView; onSubmit: (values: Values) => Promise<unknown>; onCancel: () => void };

/** Adds a member or changes what one may do. */
export function MemberForm({ member, onSubmit, onCancel }: MemberFormProps) {
  const catalogue = usePermissions();
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: {
      email: member?.email ?? "",
      role: member?.role === "admin" ? "admin" : "member",
      permissions: member?.permissions ?? {},
    },
  });
  const server = useServerErrors(form);
  const { errors, isSubmitting } = form.formState;
  const role = useWatch({ control: form.control, name: "role" });

  const send = form.handleSubmit(async (values) => {
    server.reset();
    // An admin may do everything: grants would only look as if they mattered.
    await onSubmit(values.role === "admin" ? { ...values, permissions: {} } : values).catch(server.report);
  }, server.refused);

  return (
    <FormFrame
      onSubmit={send}
      error={server.formError}
      busy={isSubmitting}
      submit={member ? common.save : t.add}
      onCancel={onCancel}
    >
      {member ? null : (
        <Field label={t.email.label} hint={t.email.hint} error={errors.email?.message}>
          <Input type="email" autoComplete="off" {...form.register("email")} />
        </Field>
      )}
      <Controller
        control={form.control}
        name="role"
        render={({ field }) => (
          <fieldset>
            <legend className="mb-1.5 text-[0.8125rem] font-medium">{t.role}</legend>
            <RadioGroup value={field.value} onValueChange={field.onChange} className="sm:grid-cols-2">
              <RadioCard value="admin" {...t.roles.admin} />
              <RadioCard value="member" {...t.roles.member} />
            </RadioGroup>
            <FieldError message={errors.role?.message} />
          </fieldset>
        )}
      />
      {role === "member" ? (
        <Controller
          control={form.control}
          name="permissions"
          render={({ field, fieldState }) => (
            <fieldset className="grid gap-1">
              <legend className="mb-1 text-[0.8125rem] font-medium">{t.permissions}</legend>
              {catalogue.data ? null : catalogue.isError ? (
                <RetryAlert error={catalogue.error} onRetry={() => catalogue.refetch()} />
              ) : (
                <Skeleton className="h-40" />
              )}
              {groupsOf(catalogue.data ?? []).map(({ title, permissions }) => (
                <fieldset key={title} className="pt-1">
                  <legend className="text-xs text-muted-foreground">{title}</legend>
                  {permissions.map(({ name, description }) => (
                    <Label key={name} className="min-h-8 font-normal">
                      <Checkbox
                        checked={field.value[name] === true}
                        onCheckedChange={(on) => field.onChange({ ...field.value, [name]: on === true })}
                      />
                      <span className="flex-1">{description}</span>
                    </Label>
                  ))}
                </fieldset>
              ))}
              <FieldError message={fieldState.error?.message} />
            </fieldset>
          )}
        />
      ) : null}
    </FormFrame>
  );
}
