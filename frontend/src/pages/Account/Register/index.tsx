import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { Link, useSearchParams } from "react-router";
import { z } from "zod";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { useServerErrors } from "@/hooks/useServerErrors";
import { useTitle } from "@/hooks/useTitle";
import { routes } from "@/lib/routes";
import { texts as all } from "@/lib/texts/account";
import { texts as common } from "@/lib/texts/common";
import { texts as forms } from "@/lib/texts/forms";
import { useConfig, useRegister } from "./service";

const t = all.register;

const schema = z.object({
  full_name: z.string().trim().min(1, forms.required),
  email: z.string().trim().min(1, forms.required),
  password: z.string().min(1, forms.required),
  invitation: z.string().trim(),
});

export function RegisterPage() {
  useTitle(t.title);
  const [params] = useSearchParams();
  const config = useConfig();
  const register = useRegister();
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: { full_name: "", email: "", password: "", invitation: params.get("invitation") ?? "" },
  });
  const server = useServerErrors(form);
  const { errors, isSubmitting } = form.formState;

  const send = form.handleSubmit(async ({ invitation, ...body }) => {
    server.reset();
    await register.mutateAsync({ ...body, ...(invitation ? { invitation } : {}) }).catch(server.report);
  }, server.refused);

  return (
    <>
      <div className="grid gap-1">
        <h1 className="text-xl font-semibold tracking-tight">{t.title}</h1>
        <p className="text-[0.8125rem] text-muted-foreground">
          {config.data?.registration_allowed === false ? t.closed : t.description}
        </p>
      </div>
      <form onSubmit={send} noValidate className="grid gap-4">
        <Field label={t.name} error={errors.full_name?.message}>
          <Input autoComplete="name" {...form.register("full_name")} />
        </Field>
        <Field
          label={all.signIn.email}
          hint={params.has("invitation") ? t.invitation.email : null}
          error={errors.email?.message}
        >
          <Input type="email" autoComplete="username" {...form.register("email")} />
        </Field>
        <Field
          label={all.signIn.password}
          hint={errors.password ? null : t.passwordHint}
          error={errors.password?.message}
        >
          <Input type="password" autoComplete="new-password" {...form.register("password")} />
        </Field>
        <Field
          optional={config.data?.registration_allowed !== false}
          label={t.invitation.label}
          hint={t.invitation.hint}
          error={errors.invitation?.message}
        >
          <Input autoComplete="off" className="font-mono" {...form.register("invitation")} />
        </Field>
        {server.formError ? <Alert tone="bad">{server.formError}</Alert> : null}
        <Button type="submit" disabled={isSubmitting}>
          {isSubmitting ? common.working : t.submit}
        </Button>
      </form>
      <p className="text-[0.8125rem] text-muted-foreground">
        {t.haveAccount}{" "}
        <Link
          to={{ pathname: routes.signIn, search: params.toString() }}
          className="font-medium text-primary underline-offset-4 hover:underline"
        >
          {t.signIn}
        </Link>
      </p>
    </>
  );
}
