import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { Link, Navigate, useSearchParams } from "react-router";
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
import { useConfig, useSignIn } from "./service";

const t = all.signIn;

const schema = z.object({
  email: z.string().trim().min(1, forms.required),
  password: z.string().min(1, forms.required),
});

export function SignInPage() {
  useTitle(t.title);
  const [params] = useSearchParams();
  const config = useConfig();
  const signIn = useSignIn();
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { email: "", password: "" } });
  const server = useServerErrors(form);
  const { errors, isSubmitting } = form.formState;

  // AuthLayout leads on as soon as the session is there.
  const send = form.handleSubmit(async (body) => {
    server.reset();
    await signIn.mutateAsync({ body }).catch(server.report);
  }, server.refused);

  if (config.data?.onboarding_required) return <Navigate to={routes.welcome} replace />;
  return (
    <>
      <div className="grid gap-1">
        <h1 className="text-xl font-semibold tracking-tight">{t.title}</h1>
        <p className="text-[0.8125rem] text-muted-foreground">
          {params.has("return_to") ? t.returning : t.description}
        </p>
      </div>
      <form onSubmit={send} noValidate className="grid gap-4">
        <Field label={t.email} error={errors.email?.message}>
          <Input type="email" autoComplete="username" {...form.register("email")} />
        </Field>
        <Field label={t.password} error={errors.password?.message}>
          <Input type="password" autoComplete="current-password" {...form.register("password")} />
        </Field>
        {server.formError ? <Alert tone="bad">{server.formError}</Alert> : null}
        <Button type="submit" disabled={isSubmitting}>
          {isSubmitting ? common.working : t.submit}
        </Button>
      </form>
      {config.data?.registration_allowed === false ? null : (
        <p className="text-[0.8125rem] text-muted-foreground">
          {t.noAccount}{" "}
          <Link
            to={{ pathname: routes.register, search: params.toString() }}
            className="font-medium text-primary underline-offset-4 hover:underline"
          >
            {t.register}
          </Link>
        </p>
      )}
    </>
  );
}
