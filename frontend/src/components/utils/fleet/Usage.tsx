import * as React from "react";
import { Skeleton } from "@/components/ui/skeleton";
import type { UsageCardProps } from "@/components/utils/fleet/UsageCard";

/** A chunk of its own: the chart's library is large. */
const UsageCard = React.lazy(async () => ({
  default: (await import("@/components/utils/fleet/UsageCard")).UsageCard,
}));

/** Usage over time, once what draws it is there. */
export function Usage(props: UsageCardProps) {
  return (
    <React.Suspense fallback={<Skeleton className="h-72" />}>
      <UsageCard {...props} />
    </React.Suspense>
  );
}
