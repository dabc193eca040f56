import { Link, type LoaderFunctionArgs } from "react-router";
import { Button } from "@/components/ui/button";
import { InstanceTable } from "@/components/utils/fleet/InstanceTable";
import { FilterSelect } from "@/components/utils/ListToolbar";
import { PageHeader } from "@/components/utils/PageHeader";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import { routes } from "@/lib/routes";
import { texts as all } from "@/lib/texts/fleet";
import { readScope, withChosen } from "./scope";
import { askForInstances, useChoices, useOrgInstances } from "./service";

const t = all.instances;

/** Runs before the page is drawn, and does not keep it waiting. */
export function loadInstanceList({ params, request }: LoaderFunctionArgs): null {
  if (params.orgId) askForInstances(params.orgId, new URL(request.url).searchParams);
  return null;
}

/** Every instance of the organisation. */
export function InstanceListPage() {
  const { orgId } = useOrg();
  const controls = useListState();
  const choices = useChoices();
  const { runner, node } = readScope(controls.params);
  const instances = useOrgInstances(controls.params);
  return (
    <div className="grid gap-5">
      <PageHeader title={t.title} description={t.description} />
      <InstanceTable
        withRunner
        source={instances}
        controls={controls}
        filters={
          <>
            <FilterSelect
              label={t.columns.runner}
              param="runner"
              controls={controls}
              options={withChosen(choices.runners, runner, t.unknownChoice)}
            />
            <FilterSelect
              label={t.columns.node}
              param="node"
              controls={controls}
              options={withChosen(choices.nodes, node, t.unknownChoice)}
            />
          </>
        }
        empty={{
          ...t.emptyOrg,
          action: (
            <Button asChild size="sm">
              <Link to={routes.runners(orgId)}>{t.emptyOrg.action}</Link>
            </Button>
          ),
        }}
      />
    </div>
  );
}
