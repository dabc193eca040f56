import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Box, Keyboard, Plus, Server, SquareStack } from "lucide-react";
import * as React from "react";
import { useNavigate } from "react-router";
import { toast } from "sonner";
import { FOUND, paletteFilter } from "@/components/layouts/fragments/palette-filter";
import { navEntries } from "@/components/layouts/fragments/SideNav";
import { THEMES } from "@/components/layouts/fragments/ThemeMenu";
import { useTheme } from "@/components/providers/ThemeProvider";
import { Command, CommandEmpty, CommandGroup, CommandInput, CommandItem, CommandList } from "@/components/ui/command";
import { Dialog, DialogContent, DialogDescription, DialogTitle } from "@/components/ui/dialog";
import { useOrg } from "@/context/OrgContext";
import {
  listNodesOptions,
  listOrgInstancesOptions,
  listRunnersOptions,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import { routes } from "@/lib/routes";
import { texts } from "@/lib/texts/layout";

type CommandPaletteProps = { open: boolean; onOpenChange: (open: boolean) => void; onShowShortcuts: () => void };

const MOST_FOUND = 6;

/** Jump to any page, runner or node, or start an action, without a mouse. */
export function CommandPalette({ open, onOpenChange, onShowShortcuts }: CommandPaletteProps) {
  const { orgId, whyNot } = useOrg();
  const { choose } = useTheme();
  const navigate = useNavigate();
  const [typed, setTyped] = React.useState("");
  const q = React.useDeferredValue(typed.trim());
  const search = { path: { org_id: orgId }, query: { limit: MOST_FOUND, ...(q ? { q } : {}) } };
  const runners = useQuery({ ...listRunnersOptions(search), enabled: open, placeholderData: keepPreviousData });
  const instances = useQuery({
    ...listOrgInstancesOptions(search),
    enabled: open && q !== "",
    placeholderData: keepPreviousData,
  });
  const nodes = useQuery({ ...listNodesOptions(search), enabled: open, placeholderData: keepPreviousData });
  const found = {
    runners: foundBy(q, runners),
    instances: q === "" ? [] : foundBy(q, instances),
    nodes: foundBy(q, nodes),
  };

  function run(action: () => void): () => void {
    return () => {
      onOpenChange(false);
      setTyped("");
      action();
    };
  }
  const go = (to: string) => run(() => navigate(to));

  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <DialogContent className="top-[20%] max-w-xl translate-y-0 gap-0 p-0 [&>[data-slot=dialog-close]]:top-2.5">
        <DialogTitle className="sr-only">{texts.palette.open}</DialogTitle>
        <DialogDescription className="sr-only">{texts.palette.placeholder}</DialogDescription>
        <Command label={texts.palette.open} filter={paletteFilter}>
          <CommandInput
            placeholder={texts.palette.placeholder}
            value={typed}
            onValueChange={setTyped}
            className="pr-8"
          />
          <CommandList>
            <CommandEmpty>{texts.palette.none}</CommandEmpty>
            <CommandGroup heading={texts.palette.pages}>
              {navEntries(orgId)
                .flatMap((group) => group.entries)
                .map((entry) => (
                  <CommandItem key={entry.to} value={entry.label} onSelect={go(entry.to)}>
                    <entry.icon aria-hidden="true" />
                    {entry.label}
                  </CommandItem>
                ))}
            </CommandGroup>
            <CommandGroup heading={texts.palette.actions}>
              <CreateItem
                label={texts.palette.createRunner}
                reason={whyNot("create_runner")}
                onSelect={go(`${routes.runners(orgId)}?create=1`)}
              />
              <CreateItem
                label={texts.palette.addNode}
                reason={whyNot("create_node")}
                onSelect={go(`${routes.nodes(orgId)}?create=1`)}
              />
              {THEMES.map((theme) => (
                <CommandItem key={theme.choice} onSelect={run(() => choose(theme.choice))}>
                  <theme.icon aria-hidden="true" />
                  {texts.user.theme}: {texts.theme[theme.choice]}
                </CommandItem>
              ))}
              <CommandItem onSelect={run(onShowShortcuts)}>
                <Keyboard aria-hidden="true" />
                {texts.palette.shortcuts}
              </CommandItem>
            </CommandGroup>
            {found.runners.length > 0 ? (
              <CommandGroup heading={texts.palette.runners}>
                {found.runners.map((runner) => (
                  <CommandItem
                    key={runner.uid}
                    value={`${FOUND}${runner.uid}`}
                    keywords={[runner.name]}
                    onSelect={go(routes.runner(orgId, runner.uid))}
                  >
                    <SquareStack aria-hidden="true" />
                    <span className="min-w-0 flex-1 truncate">{runner.name}</span>
                    <span className="truncate text-xs text-muted-foreground">{runner.github_repo}</span>
                  </CommandItem>
                ))}
              </CommandGroup>
            ) : null}
            {found.instances.length > 0 ? (
              <CommandGroup heading={texts.palette.instances}>
                {found.instances.map((instance) => (
                  <CommandItem
                    key={instance.uid}
                    value={`${FOUND}${instance.uid}`}
                    keywords={[instance.name]}
                    onSelect={go(routes.instance(orgId, instance.runner_id, instance.uid))}
                  >
                    <Box aria-hidden="true" />
                    <span className="min-w-0 flex-1 truncate">{instance.name}</span>
                    <span className="truncate text-xs text-muted-foreground">{instance.node_name}</span>
                  </CommandItem>
                ))}
              </CommandGroup>
            ) : null}
            {found.nodes.length > 0 ? (
              <CommandGroup heading={texts.palette.nodes}>
                {found.nodes.map((node) => (
                  <CommandItem
                    key={node.uid}
                    value={`${FOUND}${node.uid}`}
                    keywords={[node.name]}
                    onSelect={go(`${routes.nodes(orgId)}?node=${node.uid}`)}
                  >
                    <Server aria-hidden="true" />
                    <span className="min-w-0 flex-1 truncate">{node.name}</span>
                  </CommandItem>
                ))}
              </CommandGroup>
            ) : null}
          </CommandList>
        </Command>
      </DialogContent>
    </Dialog>
  );
}

type Found<Item> = { data: { items: Item[] } | undefined; isPlaceholderData: boolean };

/** What the server has found; until it has answered, only what fits by name of what it found before. */
function foundBy<Item extends { name: string }>(q: string, { data, isPlaceholderData }: Found<Item>): Item[] {
  const items = data?.items ?? [];
  return isPlaceholderData ? items.filter(({ name }) => name.toLowerCase().includes(q.toLowerCase())) : items;
}

type CreateItemProps = { label: string; reason: string | null; onSelect: () => void };

/** Something to be made; where the user may not, it says why and leads nowhere. */
function CreateItem({ label, reason, onSelect }: CreateItemProps) {
  return (
    <CommandItem
      value={label}
      aria-disabled={reason === null ? undefined : true}
      onSelect={reason === null ? onSelect : () => toast.message(reason, { id: reason })}
      className={reason === null ? undefined : "opacity-70"}
    >
      <Plus aria-hidden="true" />
      <span className="grid">
        {label}
        {reason ? <span className="text-2xs">{reason}</span> : null}
      </span>
    </CommandItem>
  );
}
