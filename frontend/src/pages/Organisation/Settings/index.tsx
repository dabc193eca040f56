import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { NativeSelect } from "@/components/ui/native-select";
import { Skeleton } from "@/components/ui/skeleton";
import { CopyButton } from "@/components/utils/CopyButton";
import { ErrorState } from "@/components/utils/ErrorState";
import { Facts } from "@/components/utils/Facts";
import { FormFrame } from "@/components/utils/FormFrame";
import { PageHeader } from "@/components/utils/PageHeader";
import { StaleAlert } from "@/components/utils/StaleAlert";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useServerErrors } from "@/hooks/useServerErrors";
import type { OrgView } from "@/lib/api/generated/types.gen";
import { texts as common } from "@/lib/texts/common";
import { texts as forms } from "@/lib/texts/forms";
import { texts as all } from "@/lib/texts/organisation";
import { useConfig, useOrganisation, useUpdateOrganisation } from "./service";

const t = all.settings;

const schema = z.object({
  name: z.string().trim().min(1, forms.required),
  org_type: z.string(),
});

export function SettingsPage() {
  const organisation = useOrganisation();
  const config = useConfig();
  const { data } = organisation;
  return (
    <div className="grid max-w-2xl gap-5">
      <PageHeader title={t.title} description={t.description} />
      {organisation.isError && !data ? (
        <Card>
          <ErrorState error={organisation.error} onRetry={() => organisation.refetch()} />
        </Card>
      ) : null}
      <StaleAlert source={organisation} />
      {organisation.isPending ? <Skeleton className="h-48" /> : null}
      {data ? (
        <>
          <GeneralCard key={data.updated_at} organisation={data} />
          <Card>
            <CardHeader>
              <CardTitle>{t.about}</CardTitle>
            </CardHeader>
            <CardContent>
              <Facts
                facts={[
                  {
                    term: t.id,
                    value: (
                      <span className="flex items-center gap-1">
                        <code className="truncate text-xs">{data.uid}</code>
                        <CopyButton text={data.uid} label={t.copyId} />
                      </span>
                    ),
                  },
                  { term: t.created, value: <TimeAgo at={data.created_at} /> },
                  { term: t.version, value: config.data?.version },
                ]}
              />
            </CardContent>
          </Card>
        </>
      ) : null}
    </div>
  );
}

function GeneralCard({ organisation }: { organisation: OrgView }) {
  const org = useOrg();
  const update = useUpdateOrganisation();
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: { name: organisation.name, org_type: organisation.org_type },
  });
  const server = useServerErrors(form);
  const { errors, isSubmitting } = form.formState;
  const locked = org.whyNotAdmin !== null;
  const send = form.handleSubmit(async (body) => {
    server.reset();
    await update.mutateAsync({ path: { org_id: org.orgId }, body }).catch(server.report);
  }, server.refused);
  return (
    <Card>
      <CardHeader>
        <CardTitle>{t.general}</CardTitle>
      </CardHeader>
      <CardContent>
        <FormFrame
          onSubmit={send}
          error={server.formError}
          busy={isSubmitting}
          submit={common.save}
          reason={org.whyNotAdmin}
        >
          <Field label={t.name} error={errors.name?.message}>
            <Input readOnly={locked} {...form.register("name")} />
          </Field>
          <Field label={t.type} error={errors.org_type?.message}>
            <NativeSelect disabled={locked} {...form.register("org_type")}>
              {Object.entries(t.types).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </NativeSelect>
          </Field>
        </FormFrame>
      </CardContent>
    </Card>
  );
}
