import { zodResolver } from "@hookform/resolvers/zod";
import type * as React from "react";
import { Controller, useForm, useWatch } from "react-hook-form";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { NativeSelect } from "@/components/ui/native-select";
import { RadioCard, RadioGroup } from "@/components/ui/radio-group";
import { FormFrame } from "@/components/utils/FormFrame";
import { RunnerLimits } from "@/components/utils/forms/RunnerLimits";
import {
  initialValues,
  type RunnerFormInput,
  type RunnerFormValues,
  runnerSchema,
  toRunner,
} from "@/components/utils/forms/runner-values";
import { useServerErrors } from "@/hooks/useServerErrors";
import type {
  CredentialView,
  NodeView,
  RunnerCreateWritable as RunnerCreate,
  RunnerView,
} from "@/lib/api/generated/types.gen";
import { isFor, sandboxChange } from "@/lib/sandbox";
import { texts } from "@/lib/texts/forms";

const t = texts.runner;

export type RunnerFormProps = {
  runner?: RunnerView;
  preset?: Partial<RunnerFormInput>;
  credentials: readonly CredentialView[];
  nodes: readonly NodeView[];
  /** Why the node's own network may not be used, where it may not. */
  hostNetworkReason: string | null;
  /** Where the simulated GitHub is, where there is one. */
  sandboxUrl?: string | null;
  /** The way to a credential, where there is none to choose. */
  noCredential?: React.ReactNode;
  submit: string;
  onSubmit: (runner: RunnerCreate) => Promise<unknown>;
  onCancel?: () => void;
};

/** Creates a runner or changes one. */
export function RunnerForm(props: RunnerFormProps) {
  const { runner, preset = {}, credentials, sandboxUrl = null, submit, onSubmit, onCancel } = props;
  const mayUseHost = props.hostNetworkReason === null;
  const form = useForm<RunnerFormInput, unknown, RunnerFormValues>({
    resolver: zodResolver(runnerSchema),
    defaultValues: firstValues(),
  });
  const { errors, isSubmitting } = form.formState;
  const [scope, authority, credentialId] = useWatch({
    control: form.control,
    name: ["scope", "authority", "credential_id"],
  });

  function isSandbox(uid: string): boolean {
    const chosen = credentials.find((credential) => credential.uid === uid);
    return chosen !== undefined && sandboxUrl !== null && isFor(chosen, sandboxUrl);
  }
  function firstValues(): RunnerFormInput {
    const only = credentials.length === 1 ? credentials[0]?.uid : undefined;
    const values = initialValues(runner, { ...(only ? { credential_id: only } : {}), ...preset });
    return !runner && isForSandbox(values) ? { ...values, ...sandboxChange(values, true, mayUseHost) } : values;
  }
  function isForSandbox(values: RunnerFormInput): boolean {
    return values.authority === "credential" && isSandbox(values.credential_id);
  }
  /** A new recipe goes with its credential; one that is there already is its owner's. */
  function followCredential(): void {
    if (runner) return;
    const values = form.getValues();
    const { docker_image, host_network } = sandboxChange(values, isForSandbox(values), mayUseHost);
    if (docker_image !== undefined) form.setValue("docker_image", docker_image);
    if (host_network !== undefined) form.setValue("host_network", host_network);
  }
  const server = useServerErrors(form, {
    "resources.network": "host_network",
    "node_selection.node_ids": "node_ids",
    node_selection: "node_ids",
  });

  const send = form.handleSubmit(async (values) => {
    server.reset();
    await onSubmit(toRunner(values)).catch(server.report);
  }, server.refused);

  return (
    <FormFrame onSubmit={send} error={server.formError} busy={isSubmitting} submit={submit} onCancel={onCancel}>
      <Field label={texts.name.label} hint={texts.name.hint} error={errors.name?.message}>
        <Input autoComplete="off" spellCheck={false} {...form.register("name")} />
      </Field>
      <div className="grid items-start gap-4 sm:grid-cols-[10rem_1fr]">
        <Field label={t.scope} error={errors.scope?.message}>
          <NativeSelect {...form.register("scope")}>
            <option value="repo">{t.scopes.repo}</option>
            <option value="org">{t.scopes.org}</option>
          </NativeSelect>
        </Field>
        <Field label={t[scope].label} hint={t[scope].hint} error={errors.github_repo?.message}>
          <Input
            className="font-mono"
            spellCheck={false}
            placeholder={t[scope].placeholder}
            {...form.register("github_repo")}
          />
        </Field>
      </div>
      <Controller
        control={form.control}
        name="authority"
        render={({ field }) => (
          <fieldset>
            <legend className="mb-1.5 text-[0.8125rem] font-medium">{t.authority}</legend>
            <RadioGroup
              value={field.value}
              onValueChange={(value) => {
                field.onChange(value);
                followCredential();
              }}
              className="sm:grid-cols-2"
            >
              <RadioCard value="credential" {...t.authorities.credential} />
              <RadioCard value="token" {...t.authorities.token} />
            </RadioGroup>
          </fieldset>
        )}
      />
      {authority === "credential" ? (
        <Field
          label={t.credential.label}
          hint={credentials.length === 0 ? props.noCredential : isSandbox(credentialId) ? t.credential.sandbox : null}
          error={errors.credential_id?.message}
        >
          <NativeSelect {...form.register("credential_id", { onChange: followCredential })}>
            <option value="">{t.credential.none}</option>
            {credentials.map((credential) => (
              <option key={credential.uid} value={credential.uid}>
                {credential.name}
              </option>
            ))}
          </NativeSelect>
        </Field>
      ) : (
        <Field
          label={t.token.label}
          hint={runner?.github_runner_token ? t.token.keptHint : undefined}
          error={errors.github_runner_token?.message}
        >
          <Input
            type="password"
            autoComplete="off"
            className="font-mono"
            placeholder={runner?.github_runner_token ?? "A…"}
            {...form.register("github_runner_token")}
          />
        </Field>
      )}
      <Field optional={!runner} label={t.image.label} hint={t.image.hint} error={errors.docker_image?.message}>
        <Input
          className="font-mono"
          spellCheck={false}
          placeholder={t.image.placeholder}
          {...form.register("docker_image")}
        />
      </Field>
      <Field optional label={t.labels.label} hint={t.labels.hint} error={errors.labels?.message}>
        <Input spellCheck={false} placeholder="linux, docker" {...form.register("labels")} />
      </Field>
      <RunnerLimits form={form} nodes={props.nodes} hostNetworkReason={props.hostNetworkReason} />
    </FormFrame>
  );
}
