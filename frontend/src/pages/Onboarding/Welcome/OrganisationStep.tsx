import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { useNavigate } from "react-router";
import { z } from "zod";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { FormFrame } from "@/components/utils/FormFrame";
import { useServerErrors } from "@/hooks/useServerErrors";
import { routes } from "@/lib/routes";
import { texts as account } from "@/lib/texts/account";
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/onboarding";
import { StepHeading } from "./StepHeading";
import { useCreateOrg, useOnboard } from "./service";
import type { Go } from "./steps";

const t = all.organisation;

const orgSchema = z.object({
  full_name: z.string().trim(),
  email: z.string().trim(),
  password: z.string(),
  org_name: z.string().trim().min(1, forms.required),
});
const accountSchema = orgSchema.extend({
  full_name: z.string().trim().min(1, forms.required),
  email: z.string().trim().min(1, forms.required),
  password: z.string().min(1, forms.required),
});

type OrganisationStepProps = { hasAccount: boolean; hasOrgs: boolean; go: Go };

export function OrganisationStep({ hasAccount, hasOrgs, go }: OrganisationStepProps) {
  const navigate = useNavigate();
  const onboard = useOnboard((org) => go({ org }));
  const createOrg = useCreateOrg((org) => go({ org }));
  const form = useForm({
    resolver: zodResolver(hasAccount ? orgSchema : accountSchema),
    defaultValues: { full_name: "", email: "", password: "", org_name: "" },
  });
  const server = useServerErrors(form, { name: "org_name" });
  const { errors, isSubmitting } = form.formState;
  const words = hasAccount ? t.first : t.fresh;

  const send = form.handleSubmit(async ({ org_name, ...person }) => {
    server.reset();
    try {
      if (hasOrgs) {
        await createOrg.mutateAsync({ body: { name: org_name } });
      } else {
        await onboard.mutateAsync({ body: hasAccount ? { org_name } : { ...person, org_name } });
      }
    } catch (error) {
      server.report(error);
    }
  }, server.refused);

  return (
    <>
      <StepHeading {...words} />
      <FormFrame
        onSubmit={send}
        error={server.formError}
        busy={isSubmitting}
        submit={t.submit}
        onCancel={hasOrgs ? () => navigate(routes.home) : undefined}
      >
        {hasAccount ? null : (
          <>
            <Field label={account.register.name} error={errors.full_name?.message}>
              <Input autoComplete="name" {...form.register("full_name")} />
            </Field>
            <Field label={account.signIn.email} error={errors.email?.message}>
              <Input type="email" autoComplete="username" {...form.register("email")} />
            </Field>
            <Field
              label={account.signIn.password}
              hint={errors.password ? null : account.register.passwordHint}
              error={errors.password?.message}
            >
              <Input type="password" autoComplete="new-password" {...form.register("password")} />
            </Field>
          </>
        )}
        <Field label={t.name.label} hint={t.name.hint} error={errors.org_name?.message}>
          <Input autoComplete="organization" {...form.register("org_name")} />
        </Field>
      </FormFrame>
    </>
  );
}
