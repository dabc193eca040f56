import { LockKeyhole } from "lucide-react";
import { Empty } from "@/components/ui/empty";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { LogView } from "@/components/utils/LogView";
import { useOrg } from "@/context/OrgContext";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/fleet";
import { type InstancePath, useLogs } from "./service";

const t = texts.instances;
const LIVE_STATES: readonly string[] = ["starting", "running", "draining", "stopping"];

export function LogsTab({ path, instance }: { path: InstancePath; instance: InstanceView }) {
  const org = useOrg();
  const reason = org.whyNot("view_logs");
  if (reason) return <Empty icon={<LockKeyhole />} title={t.tabs.logs} description={reason} />;
  return <Log path={path} instance={instance} />;
}

function Log({ path, instance }: { path: InstancePath; instance: InstanceView }) {
  const logs = useLogs(path, LIVE_STATES.includes(instance.state));
  if (logs.isError && !logs.data) {
    return (
      <>
        <ErrorState error={logs.error} onRetry={() => logs.refetch()} />
        <p className="text-center text-xs text-muted-foreground">{t.logsGone}</p>
      </>
    );
  }
  if (!logs.data) return <Skeleton className="h-96" />;
  return (
    <LogView
      lines={logs.data.lines}
      label={`${t.tabs.logs}: ${instance.name}`}
      fileName={`${instance.name}.log`}
      note={logs.data.truncated ? <span className="px-1 text-xs text-warn">{t.truncated}</span> : null}
    />
  );
}
