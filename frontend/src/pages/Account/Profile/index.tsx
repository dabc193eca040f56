import { zodResolver } from "@hookform/resolvers/zod";
import { useForm, useWatch } from "react-hook-form";
import { z } from "zod";
import { SingleKeysSwitch } from "@/components/layouts/fragments/SingleKeysSwitch";
import { THEMES } from "@/components/layouts/fragments/ThemeMenu";
import { type ThemeChoice, useTheme } from "@/components/providers/ThemeProvider";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { RadioCard, RadioGroup } from "@/components/ui/radio-group";
import { FormFrame } from "@/components/utils/FormFrame";
import { PageHeader } from "@/components/utils/PageHeader";
import { type Me, useMe } from "@/context/AuthContext";
import { useServerErrors } from "@/hooks/useServerErrors";
import { texts as all } from "@/lib/texts/account";
import { texts as common } from "@/lib/texts/common";
import { texts as forms } from "@/lib/texts/forms";
import { texts as layout } from "@/lib/texts/layout";
import { useChangePassword, useUpdateProfile } from "./service";

const t = all.profile;

export function ProfilePage() {
  const me = useMe();
  const { choice, choose } = useTheme();
  return (
    <div className="grid max-w-2xl gap-5">
      <PageHeader title={t.title} description={t.description} />
      {me.data ? <AccountCard key={me.data.updated_at} me={me.data} /> : null}
      <PasswordCard />
      <Card>
        <CardHeader>
          <CardTitle id="appearance">{t.appearance}</CardTitle>
        </CardHeader>
        <CardContent>
          <RadioGroup
            aria-labelledby="appearance"
            value={choice}
            onValueChange={(value) => choose(value as ThemeChoice)}
            className="sm:grid-cols-3"
          >
            {THEMES.map((theme) => (
              <RadioCard
                key={theme.choice}
                value={theme.choice}
                title={layout.theme[theme.choice]}
                icon={<theme.icon aria-hidden="true" className="size-4 text-muted-foreground" />}
              />
            ))}
          </RadioGroup>
        </CardContent>
      </Card>
      <Card>
        <CardHeader>
          <CardTitle>{t.keyboard}</CardTitle>
        </CardHeader>
        <CardContent>
          <SingleKeysSwitch />
        </CardContent>
      </Card>
    </div>
  );
}

const accountSchema = z.object({
  full_name: z.string().trim().min(1, forms.required),
  email: z.string().trim().min(1, forms.required),
  current_password: z.string(),
});

function AccountCard({ me }: { me: Me }) {
  const update = useUpdateProfile();
  const form = useForm({
    resolver: zodResolver(accountSchema),
    defaultValues: { full_name: me.full_name, email: me.email, current_password: "" },
  });
  const server = useServerErrors(form);
  const email = useWatch({ control: form.control, name: "email" });
  const { errors, isSubmitting } = form.formState;
  const movesEmail = email.trim() !== me.email;

  const send = form.handleSubmit(async (values) => {
    server.reset();
    const body = movesEmail
      ? { full_name: values.full_name, email: values.email, current_password: values.current_password }
      : { full_name: values.full_name };
    await update.mutateAsync({ body }).catch(server.report);
  }, server.refused);

  return (
    <Card>
      <CardHeader>
        <CardTitle>{t.account}</CardTitle>
      </CardHeader>
      <CardContent>
        <FormFrame onSubmit={send} error={server.formError} busy={isSubmitting} submit={common.save}>
          <Field label={t.name} error={errors.full_name?.message}>
            <Input autoComplete="name" {...form.register("full_name")} />
          </Field>
          <Field label={t.email} error={errors.email?.message}>
            <Input type="email" autoComplete="email" {...form.register("email")} />
          </Field>
          {movesEmail ? (
            <Field label={t.current} hint={t.currentForEmail} error={errors.current_password?.message}>
              <Input type="password" autoComplete="current-password" {...form.register("current_password")} />
            </Field>
          ) : null}
        </FormFrame>
      </CardContent>
    </Card>
  );
}

const passwordSchema = z.object({
  current_password: z.string().min(1, forms.required),
  new_password: z.string().min(1, forms.required),
});

function PasswordCard() {
  const change = useChangePassword();
  const form = useForm({
    resolver: zodResolver(passwordSchema),
    defaultValues: { current_password: "", new_password: "" },
  });
  const server = useServerErrors(form);
  const { errors, isSubmitting } = form.formState;

  const send = form.handleSubmit(async (body) => {
    server.reset();
    await change.mutateAsync({ body }).then(() => form.reset(), server.report);
  }, server.refused);

  return (
    <Card>
      <CardHeader>
        <CardTitle>{t.password}</CardTitle>
      </CardHeader>
      <CardContent>
        <FormFrame onSubmit={send} error={server.formError} busy={isSubmitting} submit={t.change}>
          <Field label={t.current} error={errors.current_password?.message}>
            <Input type="password" autoComplete="current-password" {...form.register("current_password")} />
          </Field>
          <Field
            label={t.newPassword}
            hint={errors.new_password ? null : all.register.passwordHint}
            error={errors.new_password?.message}
          >
            <Input type="password" autoComplete="new-password" {...form.register("new_password")} />
          </Field>
        </FormFrame>
      </CardContent>
    </Card>
  );
}
