import { zodResolver } from "@hookform/resolvers/zod";
import { Controller, useForm, useWatch } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { RadioCard, RadioGroup } from "@/components/ui/radio-group";
import { Switch } from "@/components/ui/switch";
import { Textarea } from "@/components/ui/textarea";
import { FormFrame } from "@/components/utils/FormFrame";
import { FieldError } from "@/components/utils/forms/FieldError";
import { FileInput } from "@/components/utils/forms/FileInput";
import { figure, figureError, typed } from "@/components/utils/forms/figure";
import { useServerErrors } from "@/hooks/useServerErrors";
import type { NodeCreateWritable as NodeCreate, NodeView } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/forms";

const t = texts.node;

const TLS = ["ca", "cert", "key"] as const;

const schema = z
  .object({
    name: z.string().trim().min(1, texts.required),
    type: z.enum(["socket", "local", "remote"]),
    socket_path: z.string().trim(),
    ip_address: z.string().trim(),
    port: typed,
    host: z.string().trim(),
    ca: z.string(),
    cert: z.string(),
    key: z.string(),
    /** Certificates are stored, so that empty fields leave them as they are. */
    keeps_tls: z.boolean(),
    capacity: figure({ min: 1, max: 1_000 }),
    is_active: z.boolean(),
  })
  // Only what belongs to the type: a field that is not on the page could not be put right.
  .superRefine((values, context) => {
    const refuse = (field: keyof typeof values, message: string | null) => {
      if (message) context.addIssue({ code: "custom", path: [field], message });
    };
    if (values.type === "socket") refuse("socket_path", values.socket_path === "" ? texts.required : null);
    if (values.type === "remote") {
      refuse("ip_address", values.ip_address === "" ? texts.required : null);
      refuse("port", figureError(values.port, { min: 1, max: 65_535 }));
      const isEmpty = (name: (typeof TLS)[number]) => values[name].trim() === "";
      const isKept = values.keeps_tls && TLS.every(isEmpty);
      for (const name of TLS) refuse(name, isEmpty(name) && !isKept ? texts.required : null);
    }
  });

type FormInput = z.input<typeof schema>;
type Values = z.output<typeof schema>;

/** What the api takes; only what belongs to the node's type is sent. */
function toNode(values: Values): NodeCreate {
  const { name, type, capacity, is_active } = values;
  const common = { name, type, capacity, is_active };
  if (type === "socket") return { ...common, socket_path: values.socket_path };
  if (type === "local") return { ...common, ...(values.host ? { host: values.host } : {}) };
  const { ca, cert, key } = values;
  const tls = ca.trim() || cert.trim() || key.trim() ? { tls: { ca, cert, key } } : {};
  return { ...common, ip_address: values.ip_address, port: Number(values.port), ...tls };
}

type NodeFormProps = {
  node?: NodeView;
  submit: string;
  onSubmit: (node: NodeCreate) => Promise<unknown>;
  onCancel?: () => void;
};

/** Adds a node or changes one. */
export function NodeForm({ node, submit, onSubmit, onCancel }: NodeFormProps) {
  const form = useForm<FormInput, unknown, Values>({
    resolver: zodResolver(schema),
    defaultValues: {
      name: node?.name ?? "",
      type: node?.type ?? "socket",
      socket_path: node?.socket_path ?? "/var/run/docker.sock",
      ip_address: node?.ip_address ?? "",
      port: node?.port ?? 2376,
      host: node?.host ?? "",
      ca: "",
      cert: "",
      key: "",
      keeps_tls: node?.has_tls ?? false,
      capacity: node?.capacity ?? 10,
      is_active: node?.is_active ?? true,
    },
  });
  const { errors, isSubmitting } = form.formState;
  const type = useWatch({ control: form.control, name: "type" });
  const server = useServerErrors(form, {
    "tls.ca": "ca",
    "tls.cert": "cert",
    "tls.key": "key",
    tls: "ca",
  });

  const send = form.handleSubmit(async (values) => {
    server.reset();
    await onSubmit(toNode(values)).catch(server.report);
  }, server.refused);

  return (
    <FormFrame onSubmit={send} error={server.formError} busy={isSubmitting} submit={submit} onCancel={onCancel}>
      <Field label={texts.name.label} hint={texts.name.hint} error={errors.name?.message}>
        <Input autoComplete="off" spellCheck={false} {...form.register("name")} />
      </Field>
      <Controller
        control={form.control}
        name="type"
        render={({ field }) => (
          <fieldset className="grid gap-2">
            <legend className="mb-1.5 text-[0.8125rem] font-medium">{t.type}</legend>
            <RadioGroup value={field.value} onValueChange={field.onChange}>
              {(["socket", "local", "remote"] as const).map((value) => (
                <RadioCard key={value} value={value} {...t.types[value]} />
              ))}
            </RadioGroup>
            <FieldError message={errors.type?.message} />
          </fieldset>
        )}
      />
      {type === "socket" ? (
        <Field label={t.socketPath.label} hint={t.socketPath.hint} error={errors.socket_path?.message}>
          <Input className="font-mono" spellCheck={false} {...form.register("socket_path")} />
        </Field>
      ) : null}
      {type === "local" ? (
        <Field optional label={t.host.label} hint={t.host.hint} error={errors.host?.message}>
          <Input className="font-mono" spellCheck={false} {...form.register("host")} />
        </Field>
      ) : null}
      {type === "remote" ? (
        <>
          <div className="grid gap-4 sm:grid-cols-[1fr_8rem]">
            <Field label={t.address.label} hint={t.address.hint} error={errors.ip_address?.message}>
              <Input className="font-mono" spellCheck={false} {...form.register("ip_address")} />
            </Field>
            <Field label={t.port.label} error={errors.port?.message}>
              <Input type="number" inputMode="numeric" {...form.register("port")} />
            </Field>
          </div>
          <fieldset className="grid gap-3">
            <legend className="text-[0.8125rem] font-medium">{t.tls}</legend>
            <p className="text-xs text-muted-foreground">{node?.has_tls ? t.tlsKept : t.tlsHint}</p>
            {TLS.map((name) => (
              <div key={name} className="grid gap-1.5">
                <Field label={t[name].label} error={errors[name]?.message}>
                  <Textarea
                    rows={3}
                    spellCheck={false}
                    autoComplete="off"
                    placeholder="-----BEGIN …"
                    className="font-mono text-xs"
                    {...form.register(name)}
                  />
                </Field>
                <FileInput
                  label={t[name].file}
                  onText={(text) => form.setValue(name, text, { shouldDirty: true, shouldValidate: true })}
                  onFailure={(message) => form.setError(name, { message })}
                />
              </div>
            ))}
          </fieldset>
        </>
      ) : null}
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <Field label={t.capacity.label} hint={t.capacity.hint} error={errors.capacity?.message}>
          <Input type="number" inputMode="numeric" min={1} {...form.register("capacity")} />
        </Field>
        {node ? (
          <Controller
            control={form.control}
            name="is_active"
            render={({ field }) => (
              <div className="pt-7">
                <Label>
                  <Switch checked={field.value} onCheckedChange={field.onChange} />
                  {t.active.label}
                </Label>
                <FieldError message={errors.is_active?.message} />
              </div>
            )}
          />
        ) : null}
      </div>
    </FormFrame>
  );
}
