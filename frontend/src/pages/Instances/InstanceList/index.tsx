import { Link } from "react-router";
import { Button } from "@/components/ui/button";
import { InstanceTable } from "@/components/utils/fleet/InstanceTable";
import { instanceFilters } from "@/components/utils/fleet/instance-filters";
import { FilterSelect } from "@/components/utils/ListToolbar";
import { PageHeader } from "@/components/utils/PageHeader";
import { useOrg } from "@/context/OrgContext";
import { useListState } from "@/hooks/useListState";
import { routes } from "@/lib/routes";
import { texts as all } from "@/lib/texts/fleet";
import { readScope, withChosen } from "./scope";
import { useChoices, useOrgInstances } from "./service";

const t = all.instances;

/** Every instance of the organisation. */
export function InstanceListPage() {
  const { orgId } = useOrg();
  const controls = useListState();
  const choices = useChoices();
  const { state, status } = instanceFilters(controls.params);
  const { runner, node } = readScope(controls.params);
  const instances = useOrgInstances({
    ...controls.query,
    ...(state ? { state: [state] } : {}),
    ...(status ? { status: [status] } : {}),
    ...(runner ? { runner_id: runner } : {}),
    ...(node ? { node_id: node } : {}),
  });
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
