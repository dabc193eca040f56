import { X } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Card, CardHeader, CardTitle } from "@/components/ui/card";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow } from "@/components/ui/table";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import { ErrorState } from "@/components/utils/ErrorState";
import { StaleAlert } from "@/components/utils/StaleAlert";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { texts } from "@/lib/texts/organisation";
import { useInvitations, useMemberActions } from "./service";

const t = texts.members;

/** Invitations that nobody has taken yet. */
export function Invitations() {
  const org = useOrg();
  const invitations = useInvitations();
  const { withdraw } = useMemberActions();
  const { confirmation, ask, close } = useConfirmation();
  if (invitations.isError && !invitations.data) {
    return (
      <Card>
        <CardHeader>
          <CardTitle>{t.invitations}</CardTitle>
        </CardHeader>
        <ErrorState error={invitations.error} onRetry={() => invitations.refetch()} />
      </Card>
    );
  }
  if (!invitations.data || invitations.data.items.length === 0) return null;
  return (
    <Card>
      <CardHeader>
        <CardTitle>{t.invitations}</CardTitle>
      </CardHeader>
      <StaleAlert source={invitations} className="m-2" />
      <Table aria-label={t.invitations}>
        <TableHeader>
          <TableRow className="hover:bg-transparent">
            <TableHead>{t.invitationColumns.email}</TableHead>
            <TableHead>{t.invitationColumns.role}</TableHead>
            <TableHead>{t.invitationColumns.expires}</TableHead>
            <TableHead>
              <span className="sr-only">{t.withdraw}</span>
            </TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {invitations.data.items.map((invitation) => (
            <TableRow key={invitation.uid}>
              <TableCell>{invitation.email}</TableCell>
              <TableCell>{invitation.role === "admin" ? t.roles.admin.title : t.roles.member.title}</TableCell>
              <TableCell>
                <TimeAgo at={invitation.expires_at} />
              </TableCell>
              <TableCell className="text-right">
                <Button
                  variant="ghost"
                  size="icon-sm"
                  aria-label={`${t.withdraw}: ${invitation.email}`}
                  onClick={() =>
                    ask({
                      title: t.withdrawTitle(invitation.email),
                      description: t.withdrawBody,
                      action: t.withdraw,
                      destructive: true,
                      run: () => withdraw.mutateAsync({ path: { org_id: org.orgId, invitation_id: invitation.uid } }),
                    })
                  }
                >
                  <X />
                </Button>
              </TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
      <ConfirmDialog confirmation={confirmation} onClose={close} />
    </Card>
  );
}
