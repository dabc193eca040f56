import { ScrollText } from "lucide-react";
import { Link } from "react-router";
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
import { targetOf } from "./target";

const t = all.audit;

const isDenied = (line: AuditView) => line.result === "denied";

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
    cell: (line) => (
      <span title={line.actor} className="block max-w-28 truncate sm:max-w-56">
        {line.actor}
      </span>
    ),
  },
  {
    id: "action",
    header: t.columns.action,
    className: "max-sm:whitespace-normal",
    cell: (line) => (
      <span className="inline-flex flex-wrap items-center gap-x-2 gap-y-0.5">
        <span title={line.action}>{t.actions[line.action] ?? line.action}</span>
        {isDenied(line) ? (
          // Where there is no room for the result's own column.
          <Badge tone="bad" className="lg:hidden">
            {t.denied}
          </Badge>
        ) : null}
      </span>
    ),
  },
  {
    id: "target",
    header: t.columns.target,
    priority: "mid",
    cell: (line) => <Target line={line} />,
  },
  {
    id: "result",
    header: t.columns.result,
    priority: "mid",
    cell: (line) => <Badge tone={isDenied(line) ? "bad" : "neutral"}>{isDenied(line) ? t.denied : t.success}</Badge>,
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

/** What it was done to: by name where that was written down, and a way there where there may be one. */
function Target({ line }: { line: AuditView }) {
  const { orgId } = useOrg();
  const { name, to } = targetOf(line, orgId);
  const what = name ? (
    <span className="truncate">{name}</span>
  ) : line.target_id ? (
    <code className="text-xs">{shortId(line.target_id)}</code>
  ) : null;
  return (
    <span className="flex max-w-72 gap-1.5 text-muted-foreground">
      {line.target_type}
      {to ? (
        <Link to={to} className="min-w-0 truncate rounded-sm text-foreground hover:text-primary hover:underline">
          {what}
        </Link>
      ) : (
        what
      )}
    </span>
  );
}

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
