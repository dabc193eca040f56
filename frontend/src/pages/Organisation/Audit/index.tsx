import { ScrollText } from "lucide-react";
import { Badge } from "@/components/ui/badge";
import { Empty } from "@/components/ui/empty";
import { type Column, DataTable } from "@/components/utils/DataTable";
import { ErrorState } from "@/components/utils/ErrorState";
import { PageHeader } from "@/components/utils/PageHeader";
import { TimeAgo } from "@/components/utils/TimeAgo";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import type { AuditView } from "@/lib/api/generated/types.gen";
import { shortId } from "@/lib/format";
import { texts as all } from "@/lib/texts/organisation";
import { useAudit } from "./service";

const t = all.audit;

const COLUMNS: Column<AuditView>[] = [
  {
    id: "at",
    header: t.columns.at,
    sortKey: "created_at",
    fixed: true,
    cell: (line) => <TimeAgo at={line.created_at} />,
  },
  {
    id: "actor",
    header: t.columns.actor,
    cell: (line) => <span className="block max-w-56 truncate">{line.actor}</span>,
  },
  { id: "action", header: t.columns.action, cell: (line) => <code className="text-xs">{line.action}</code> },
  {
    id: "target",
    header: t.columns.target,
    priority: "mid",
    cell: (line) => (
      <span className="text-muted-foreground">
        {line.target_type} {line.target_id ? <code className="text-xs">{shortId(line.target_id)}</code> : null}
      </span>
    ),
  },
  {
    id: "result",
    header: t.columns.result,
    cell: (line) => (
      <Badge tone={line.result === "denied" ? "bad" : "neutral"}>
        {line.result === "denied" ? t.denied : t.success}
      </Badge>
    ),
  },
  {
    id: "ip",
    header: t.columns.ip,
    priority: "low",
    cell: (line) => <code className="text-xs">{line.ip_address ?? "–"}</code>,
  },
  {
    id: "request",
    header: t.columns.request,
    priority: "low",
    cell: (line) => (
      <code className="text-xs text-muted-foreground">{line.request_id ? shortId(line.request_id) : "–"}</code>
    ),
  },
];

export function AuditPage() {
  const org = useOrg();
  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description} />
      {org.whyNotAdmin ? <ErrorState error={{ status: 403, detail: t.adminOnly }} /> : <AuditList />}
    </div>
  );
}

function AuditList() {
  const controls = useListState();
  const audit = useAudit(controls.query);
  return (
    <DataTable
      name={t.title}
      columns={COLUMNS}
      source={audit}
      controls={controls}
      rowKey={(line) => line.uid}
      rowLabel={(line) => line.action}
      empty={<Empty icon={<ScrollText />} title={t.empty.title} />}
    />
  );
}
