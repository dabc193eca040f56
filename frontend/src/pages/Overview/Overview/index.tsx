import { Link } from "react-router";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorState } from "@/components/utils/ErrorState";
import { PageHeader } from "@/components/utils/PageHeader";
import { StaleAlert } from "@/components/utils/StaleAlert";
import { useOrg } from "@/context/OrgContext";
import type { Overview } from "@/lib/api/generated/types.gen";
import { routes } from "@/lib/routes";
import { texts as t } from "@/lib/texts/overview";
import { FleetCard } from "./FleetCard";
import { Failures, Headroom, Workers } from "./Lists";
import { useOverview } from "./service";
import { Tiles } from "./Tiles";

export function OverviewPage() {
  const org = useOrg();
  const overview = useOverview();
  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description(org.name)} />
      <StaleAlert source={overview} />
      {overview.data ? (
        <Fleet overview={overview.data} />
      ) : overview.isError ? (
        <Card>
          <ErrorState error={overview.error} onRetry={() => overview.refetch()} />
        </Card>
      ) : (
        <Waiting />
      )}
    </div>
  );
}

function Fleet({ overview }: { overview: Overview }) {
  const { orgId, role } = useOrg();
  const { runners, nodes, workers, failures } = overview;
  const isBare = runners.idle + runners.busy === 0 || nodes.length === 0;
  return (
    <>
      {role === "admin" && isBare ? (
        <Alert
          title={t.setUp.title}
          actions={
            <Button asChild size="sm" className="self-center">
              <Link to={`${routes.welcome}?${new URLSearchParams({ org: orgId })}`}>{t.setUp.action}</Link>
            </Button>
          }
        >
          {t.setUp.description}
        </Alert>
      ) : null}
      {workers?.length === 0 ? (
        <Alert tone="bad" title={t.noWorkersTitle}>
          {t.noWorkersHint}
        </Alert>
      ) : null}
      <FleetCard overview={overview} orgId={orgId} />
      <Tiles overview={overview} orgId={orgId} />
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <Failures failures={failures} orgId={orgId} />
        <div className="grid min-w-0 gap-5">
          <Headroom nodes={nodes} orgId={orgId} />
          <Workers workers={workers} />
        </div>
      </div>
    </>
  );
}

/** As large as what comes, so that nothing jumps. */
function Waiting() {
  return (
    <div aria-busy="true" className="grid gap-5">
      <Skeleton className="h-32" />
      <Skeleton className="h-28" />
      <div className="grid gap-5 xl:grid-cols-2">
        <Skeleton className="h-64" />
        <Skeleton className="h-64" />
      </div>
    </div>
  );
}
