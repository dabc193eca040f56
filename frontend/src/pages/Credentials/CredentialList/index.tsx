import { KeyRound, Pencil, Plus, Trash2 } from "lucide-react";
import * as React from "react";
import { Empty } from "@/components/ui/empty";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { type Column, DataTable } from "@/components/utils/DataTable";
import { CredentialForm } from "@/components/utils/forms/CredentialForm";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { PageHeader } from "@/components/utils/PageHeader";
import { Panel } from "@/components/utils/Panel";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import type { CredentialView } from "@/lib/api/generated/types.gen";
import { texts as common } from "@/lib/texts/common";
import { texts as all } from "@/lib/texts/fleet";
import { texts as forms } from "@/lib/texts/forms";
import { useCredentialActions, useCredentials } from "./service";

const t = all.credentials;

export function CredentialListPage() {
  const org = useOrg();
  const controls = useListState();
  const credentials = useCredentials(controls.query);
  const [open, setOpen] = React.useState<CredentialView | "new" | null>(null);
  const { create, update, remove } = useCredentialActions();
  const { confirmation, ask, close } = useConfirmation();
  const path = { org_id: org.orgId };
  const addButton = (
    <GuardedButton reason={org.whyNot("create_credential")} onClick={() => setOpen("new")}>
      <Plus />
      {t.add}
    </GuardedButton>
  );

  const columns: Column<CredentialView>[] = [
    {
      id: "name",
      header: t.columns.name,
      sortKey: "name",
      fixed: true,
      cell: (row) => <span className="font-medium">{row.name}</span>,
    },
    { id: "kind", header: t.columns.kind, cell: (row) => t.kinds[row.kind] ?? row.kind },
    {
      id: "secret",
      header: t.columns.secret,
      priority: "mid",
      cell: (row) => <code className="text-xs">{row.secret}</code>,
    },
    {
      id: "api",
      header: t.columns.api,
      priority: "mid",
      cell: (row) => <code className="text-xs">{row.api_url}</code>,
    },
    { id: "created", header: t.columns.created, sortKey: "created_at", cell: (row) => <TimeAgo at={row.created_at} /> },
    {
      id: "actions",
      header: common.list.actions,
      quiet: true,
      fixed: true,
      align: "right",
      cell: (row) => (
        <span className="inline-flex gap-1">
          <GuardedButton
            variant="ghost"
            size="icon-sm"
            aria-label={`${t.edit} ${row.name}`}
            reason={org.whyNot("update_credential")}
            onClick={() => setOpen(row)}
          >
            <Pencil />
          </GuardedButton>
          <GuardedButton
            variant="ghost"
            size="icon-sm"
            aria-label={`${t.remove} ${row.name}`}
            reason={org.whyNot("delete_credential")}
            onClick={() =>
              ask({
                title: t.removeTitle(row.name),
                description: t.removeBody,
                action: t.remove,
                typeToConfirm: row.name,
                destructive: true,
                run: () => remove.mutateAsync({ path: { ...path, credential_id: row.uid } }),
              })
            }
          >
            <Trash2 />
          </GuardedButton>
        </span>
      ),
    },
  ];

  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description} actions={addButton} />
      <DataTable
        name={t.title}
        columns={columns}
        source={credentials}
        controls={controls}
        rowKey={(row) => row.uid}
        rowLabel={(row) => row.name}
        empty={
          <Empty icon={<KeyRound />} title={t.empty.title} description={t.empty.description}>
            {addButton}
          </Empty>
        }
      />
      <Panel
        open={open !== null}
        onClose={() => setOpen(null)}
        title={open === "new" ? t.add : t.edit}
        description={t.one}
      >
        <CredentialForm
          {...(open !== null && open !== "new" ? { credential: open } : {})}
          submit={open === "new" ? forms.credential.add : common.save}
          onCancel={() => setOpen(null)}
          onSubmit={async ({ secret, ...body }) => {
            if (open === "new") await create.mutateAsync({ path, body: { ...body, secret: secret ?? "" } });
            else if (open) {
              await update.mutateAsync({
                path: { ...path, credential_id: open.uid },
                body: { ...body, ...(secret ? { secret } : {}) },
              });
            }
            setOpen(null);
          }}
        />
      </Panel>
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </div>
  );
}
