import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { CopyButton } from "@/components/utils/CopyButton";
import { type Fact, Facts } from "@/components/utils/Facts";
import { TimeAgo } from "@/components/utils/TimeAgo";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { mebibytes } from "@/lib/format";

function Code({ text, label }: { text: string | undefined; label: string }) {
  if (!text) return <span className="text-muted-foreground">–</span>;
  return (
    <span className="flex items-center gap-1">
      <code className="min-w-0 truncate text-xs">{text}</code>
      <CopyButton text={text} label={`Copy the ${label}`} />
    </span>
  );
}

/** What is known of the container and the registration. */
export function InspectTab({ instance }: { instance: InstanceView }) {
  const meta = instance.instance_meta;
  const container: Fact[] = [
    { term: "Container", value: <Code text={instance.instance_identifier} label="container id" /> },
    { term: "Host", value: instance.instance_host },
    { term: "Image", value: <Code text={meta.image} label="image" /> },
    { term: "Image id", value: <Code text={meta.image_id} label="image id" /> },
    { term: "Network", value: meta.network },
    { term: "CPUs", value: meta.cpus },
    { term: "Memory", value: meta.memory_mb === undefined ? undefined : mebibytes(meta.memory_mb) },
    { term: "Processes", value: meta.pids },
    { term: "Started", value: <TimeAgo at={meta.started_at} /> },
    ...(meta.exit_code === undefined ? [] : [{ term: "Exit code", value: String(meta.exit_code) }]),
    ...(meta.oom_killed ? [{ term: "Memory", value: "was killed for using too much" }] : []),
  ];
  const registration: Fact[] = [
    {
      term: "GitHub id",
      value: instance.github_runner_id === undefined ? undefined : String(instance.github_runner_id),
    },
    { term: "Status", value: instance.status },
    { term: "State", value: instance.state },
    { term: "Wanted", value: instance.desired_state },
    { term: "Attempts", value: instance.attempts },
    { term: "Created", value: <TimeAgo at={instance.created_at} /> },
    { term: "Changed", value: <TimeAgo at={instance.updated_at} /> },
    { term: "Id", value: <Code text={instance.uid} label="id" /> },
  ];
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <Card>
        <CardHeader>
          <CardTitle>Container</CardTitle>
        </CardHeader>
        <CardContent>
          <Facts facts={container} />
        </CardContent>
      </Card>
      <Card>
        <CardHeader>
          <CardTitle>Registration</CardTitle>
        </CardHeader>
        <CardContent>
          <Facts facts={registration} />
        </CardContent>
      </Card>
    </div>
  );
}
