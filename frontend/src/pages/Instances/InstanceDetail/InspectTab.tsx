import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { CopyBlock, CopyButton } from "@/components/utils/CopyButton";
import { type Fact, Facts } from "@/components/utils/Facts";
import { TimeAgo } from "@/components/utils/TimeAgo";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { mebibytes } from "@/lib/format";
import { instanceLook } from "@/lib/status";
import { texts as t } from "@/lib/texts/facts";
import { texts as fleet } from "@/lib/texts/fleet";

function Code({ text, label }: { text: string | undefined; label: string }) {
  if (!text) return <span className="text-muted-foreground">–</span>;
  return (
    <span className="-my-1 flex items-center gap-1">
      <code className="min-w-0 truncate text-xs">{text}</code>
      <CopyButton text={text} label={label} />
    </span>
  );
}

/** What is known of the container and the registration. */
export function InspectTab({ instance }: { instance: InstanceView }) {
  const meta = instance.instance_meta;
  const container: Fact[] = [
    { term: t.container, value: <Code text={instance.instance_identifier} label={t.copy.container} /> },
    { term: t.host, value: instance.instance_host },
    { term: t.image, value: <Code text={meta.image} label={t.copy.image} /> },
    { term: t.imageId, value: <Code text={meta.image_id} label={t.copy.imageId} /> },
    { term: t.network, value: meta.network },
    { term: t.cpus, value: meta.cpus },
    { term: t.memory, value: meta.memory_mb === undefined ? undefined : mebibytes(meta.memory_mb) },
    { term: t.processes, value: meta.pids },
    { term: t.started, value: <TimeAgo withExact at={meta.started_at} /> },
    ...(meta.exit_code === undefined ? [] : [{ term: t.exitCode, value: String(meta.exit_code) }]),
    ...(meta.oom_killed ? [{ term: t.killed, value: t.outOfMemory }] : []),
  ];
  const registration: Fact[] = [
    { term: t.githubId, value: instance.github_runner_id },
    { term: t.status, value: instanceLook("running", instance.status).word },
    {
      term: t.state,
      value: instance.state === "running" ? fleet.instances.running : instanceLook(instance.state, "").word,
    },
    { term: t.wanted, value: instance.desired_state },
    { term: t.attempts, value: instance.attempts },
    { term: t.created, value: <TimeAgo withExact at={instance.created_at} /> },
    { term: t.changed, value: <TimeAgo withExact at={instance.updated_at} /> },
    { term: t.id, value: <Code text={instance.uid} label={t.copy.id} /> },
  ];
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <FactsCard title={t.container} facts={container} />
      <FactsCard title={t.registration} facts={registration} />
      <Card className="lg:col-span-2">
        <CardHeader>
          <CardTitle>{t.raw}</CardTitle>
        </CardHeader>
        <CardContent>
          <CopyBlock text={JSON.stringify(instance, null, 2)} label={t.rawLabel} />
        </CardContent>
      </Card>
    </div>
  );
}

function FactsCard({ title, facts }: { title: string; facts: Fact[] }) {
  return (
    <Card>
      <CardHeader>
        <CardTitle>{title}</CardTitle>
      </CardHeader>
      <CardContent>
        <Facts facts={facts} />
      </CardContent>
    </Card>
  );
}
