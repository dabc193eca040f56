import { CircleCheck, CircleDashed, LoaderCircle, LockKeyhole, Radio } from "lucide-react";
import { Link } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Badge } from "@/components/ui/badge";
import { Empty } from "@/components/ui/empty";
import { LogView } from "@/components/utils/LogView";
import { useOrg } from "@/context/OrgContext";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import type { LogState } from "@/lib/log-stream";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/fleet";
import { texts as words } from "@/lib/texts/logs";
import { type InstancePath, LOG_TAIL, useLog } from "./service";

const t = texts.instances;

export function LogsTab({ path, instance }: { path: InstancePath; instance: InstanceView }) {
  const org = useOrg();
  const reason = org.whyNot("view_logs");
  if (reason) return <Empty icon={<LockKeyhole />} title={t.tabs.logs} description={reason} />;
  return <Log path={path} instance={instance} />;
}

function Log({ path, instance }: { path: InstancePath; instance: InstanceView }) {
  const { log, state, isCut } = useLog(path, instance);
  return (
    <div className="grid gap-3">
      <Trouble state={state} nodeId={instance.node_id} />
      <LogView
        log={log}
        label={`${t.tabs.logs}: ${instance.name}`}
        fileName={`${instance.name}.log`}
        state={<StateBadge state={state} />}
        earlier={isCut ? words.earlier(LOG_TAIL) : null}
        empty={emptyOf(state, instance.instance_identifier !== undefined)}
      />
    </div>
  );
}

/** Why there is no line. */
function emptyOf({ kind }: LogState, hasContainer: boolean): string {
  if (kind === "ended") return hasContainer ? words.emptyToEnd : words.noContainer;
  return hasContainer ? words.empty : words.notBegun;
}

/** Whether more is to come, by word, shape and colour. */
function StateBadge({ state }: { state: LogState }) {
  return (
    <span aria-live="polite" data-log-state={state.kind}>
      {state.kind === "connecting" ? (
        <Badge tone="outline">
          <CircleDashed aria-hidden="true" />
          {words.state.connecting}
        </Badge>
      ) : state.kind === "live" ? (
        <Badge tone="ok">
          <Radio aria-hidden="true" />
          {words.state.live}
        </Badge>
      ) : state.kind === "reconnecting" ? (
        <Badge tone={state.why === "ended" ? "outline" : "warn"}>
          <LoaderCircle aria-hidden="true" className="motion-safe:animate-spin" />
          {state.why === "ended" ? words.state.waiting : words.state.reconnecting}
        </Badge>
      ) : (
        <Badge tone="off">
          <CircleCheck aria-hidden="true" />
          {words.state.ended}
        </Badge>
      )}
    </span>
  );
}

/** What stands in the way, and what helps. */
function Trouble({ state, nodeId }: { state: LogState; nodeId: string }) {
  const { orgId } = useOrg();
  if (state.kind !== "reconnecting" && state.kind !== "ended") return null;
  const { why } = state;
  if (why === "node_unavailable") {
    const { title, fix, link } = words.why.node_unavailable;
    return (
      <Alert
        tone="bad"
        title={title}
        actions={
          <Link to={`${routes.nodes(orgId)}?node=${nodeId}`} className="shrink-0 rounded-sm underline">
            {link}
          </Link>
        }
      >
        {fix}
      </Alert>
    );
  }
  if (why === "no_worker" || why === "busy" || why === "forbidden" || why === "gone") {
    return (
      <Alert tone="warn" title={words.why[why].title}>
        {words.why[why].fix}
      </Alert>
    );
  }
  return null;
}
