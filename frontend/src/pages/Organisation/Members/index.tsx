import { Pencil, Plus, UserMinus, Users } from "lucide-react";
import * as React from "react";
import { Avatar } from "@/components/ui/avatar";
import { Badge } from "@/components/ui/badge";
import { Empty } from "@/components/ui/empty";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { type Column, DataTable } from "@/components/utils/DataTable";
import { GuardedButton } from "@/components/utils/GuardedButton";
import { PageHeader } from "@/components/utils/PageHeader";
import { Panel } from "@/components/utils/Panel";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useMe } from "@/context/AuthContext";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import type { MemberView } from "@/lib/api/generated/types.gen";
import { texts as common } from "@/lib/texts/common";
import { texts as all } from "@/lib/texts/organisation";
import { InvitationDialog } from "./InvitationDialog";
import { Invitations } from "./Invitations";
import { MemberForm } from "./MemberForm";
import { useMemberActions, useMembers } from "./service";

const t = all.members;

/** What a member may do, in a few words. */
function summary(member: MemberView): string {
  if (member.role === "admin") return t.everything;
  const granted = Object.keys(member.permissions).filter((name) => member.permissions[name]);
  return granted.length === 0 ? t.readOnly : t.granted(granted);
}

export function MembersPage() {
  const org = useOrg();
  const me = useMe();
  const controls = useListState();
  const members = useMembers(controls.query);
  const [open, setOpen] = React.useState<MemberView | "new" | null>(null);
  const [token, setToken] = React.useState<string | null>(null);
  const { add, update, remove } = useMemberActions();
  const { confirmation, ask, close } = useConfirmation();
  const path = { org_id: org.orgId };
  const addButton = (
    <GuardedButton reason={org.whyNotAdmin} onClick={() => setOpen("new")}>
      <Plus />
      {t.add}
    </GuardedButton>
  );

  const columns: Column<MemberView>[] = [
    {
      id: "name",
      header: t.columns.name,
      sortKey: "full_name",
      fixed: true,
      cell: (member) => (
        <span className="flex items-center gap-2.5">
          <Avatar name={member.full_name} className="max-sm:hidden" />
          <span title={member.full_name} className="max-w-28 truncate font-medium sm:max-w-56">
            {member.full_name}
          </span>
          {member.user_id === me.data?.uid ? <Badge tone="outline">{t.you}</Badge> : null}
        </span>
      ),
    },
    { id: "email", header: t.columns.email, sortKey: "email", priority: "mid", cell: (member) => member.email },
    {
      id: "role",
      header: t.columns.role,
      cell: (member) => (
        <Badge tone={member.role === "admin" ? "primary" : "neutral"}>
          {member.role === "admin" ? t.roles.admin.title : t.roles.member.title}
        </Badge>
      ),
    },
    {
      id: "permissions",
      header: t.columns.permissions,
      priority: "mid",
      cell: (member) => (
        <span title={summary(member)} className="block max-w-80 truncate text-muted-foreground">
          {summary(member)}
        </span>
      ),
    },
    {
      id: "since",
      header: t.columns.since,
      sortKey: "created_at",
      priority: "low",
      cell: (member) => <TimeAgo at={member.created_at} />,
    },
    {
      id: "actions",
      header: common.list.actions,
      quiet: true,
      fixed: true,
      align: "right",
      cell: (member) => (
        <span className="inline-flex gap-1">
          <GuardedButton
            variant="ghost"
            size="icon-sm"
            aria-label={`${t.edit}: ${member.full_name}`}
            reason={org.whyNotAdmin}
            onClick={() => setOpen(member)}
          >
            <Pencil />
          </GuardedButton>
          <GuardedButton
            variant="ghost"
            size="icon-sm"
            aria-label={`${t.remove}: ${member.full_name}`}
            reason={member.user_id === me.data?.uid ? null : org.whyNotAdmin}
            onClick={() =>
              ask({
                ...(member.user_id === me.data?.uid ? t.leave : t.removal(member.full_name)),
                destructive: true,
                run: () => remove.mutateAsync({ path: { ...path, user_id: member.user_id } }),
              })
            }
          >
            <UserMinus />
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
        source={members}
        controls={controls}
        rowKey={(member) => member.user_id}
        rowLabel={(member) => member.full_name}
        empty={<Empty icon={<Users />} title={t.title} description={t.description} />}
      />
      {org.role === "admin" ? <Invitations /> : null}
      <Panel
        open={open !== null}
        onClose={() => setOpen(null)}
        title={open === "new" ? t.add : t.edit}
        description={open === "new" || !open ? t.one : open.full_name}
      >
        <MemberForm
          {...(open !== null && open !== "new" ? { member: open } : {})}
          onCancel={() => setOpen(null)}
          onSubmit={async ({ email, ...body }) => {
            if (open === "new") {
              const added = await add.mutateAsync({ path, body: { ...body, email } });
              setToken(added.invitation_token ?? null);
            } else if (open) {
              await update.mutateAsync({ path: { ...path, user_id: open.user_id }, body });
            }
            setOpen(null);
          }}
        />
      </Panel>
      <InvitationDialog token={token} onClose={() => setToken(null)} />
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </div>
  );
}
