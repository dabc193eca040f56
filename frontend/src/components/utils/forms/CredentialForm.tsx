import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { FormFrame } from "@/components/utils/FormFrame";
import { useServerErrors } from "@/hooks/useServerErrors";
import type { CredentialView } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/forms";

const t = texts.credential;

const schema = z.object({
  name: z.string().trim().min(1, texts.required),
  secret: z.string().trim(),
  api_url: z.string().trim(),
  web_url: z.string().trim(),
});
type Values = z.infer<typeof schema>;

/** What is sent; empty fields stay as they are, or take the server's default. */
export type CredentialInput = { name: string; secret?: string; api_url?: string; web_url?: string };

type CredentialFormProps = {
  credential?: CredentialView;
  initial?: Partial<Values>;
  submit: string;
  onSubmit: (credential: CredentialInput) => Promise<unknown>;
  onCancel?: () => void;
};

/** Adds a credential for GitHub or changes one. */
export function CredentialForm({ credential, initial, submit, onSubmit, onCancel }: CredentialFormProps) {
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: {
      name: credential?.name ?? initial?.name ?? "",
      secret: initial?.secret ?? "",
      api_url: credential?.api_url ?? initial?.api_url ?? "",
      web_url: credential?.web_url ?? initial?.web_url ?? "",
    },
  });
  const { errors, isSubmitting } = form.formState;
  const server = useServerErrors(form);

  const send = form.handleSubmit(async ({ name, secret, api_url, web_url }) => {
    server.reset();
    if (!credential && secret === "") {
      form.setError("secret", { message: texts.required }, { shouldFocus: true });
      return;
    }
    await onSubmit({
      name,
      ...(secret ? { secret } : {}),
      ...(api_url ? { api_url } : {}),
      ...(web_url ? { web_url } : {}),
    }).catch(server.report);
  }, server.refused);

  return (
    <FormFrame onSubmit={send} error={server.formError} busy={isSubmitting} submit={submit} onCancel={onCancel}>
      <Field label={texts.name.label} hint={texts.name.hint} error={errors.name?.message}>
        <Input autoComplete="off" spellCheck={false} {...form.register("name")} />
      </Field>
      <Field label={t.token.label} hint={credential ? t.token.keptHint : t.token.hint} error={errors.secret?.message}>
        <Input
          type="password"
          autoComplete="off"
          spellCheck={false}
          className="font-mono"
          placeholder={credential?.secret ?? "github_pat_…"}
          {...form.register("secret")}
        />
      </Field>
      <details className="rounded-md border border-border px-3 py-2" open={Boolean(errors.api_url || errors.web_url)}>
        <summary className="text-[0.8125rem] font-medium">{t.enterprise}</summary>
        <div className="grid gap-4 pt-3 pb-1">
          <Field optional label={t.apiUrl.label} hint={t.apiUrl.hint} error={errors.api_url?.message}>
            <Input type="url" className="font-mono" {...form.register("api_url")} />
          </Field>
          <Field optional label={t.webUrl.label} hint={t.webUrl.hint} error={errors.web_url?.message}>
            <Input type="url" className="font-mono" {...form.register("web_url")} />
          </Field>
        </div>
      </details>
    </FormFrame>
  );
}
