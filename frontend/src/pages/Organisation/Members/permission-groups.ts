import { texts } from "@/lib/texts/organisation";

const NAMES: Readonly<Record<string, string>> = texts.members.groups;

/** What can be granted, by what it is about: the last word of a permission's name. */
export function groupsOf<Permission extends { name: string }>(
  catalogue: readonly Permission[],
): { title: string; permissions: Permission[] }[] {
  const groups = new Map<string, Permission[]>();
  for (const permission of catalogue) {
    const about = permission.name.slice(permission.name.lastIndexOf("_") + 1);
    const title = NAMES[about] ?? texts.members.otherGroup;
    groups.set(title, [...(groups.get(title) ?? []), permission]);
  }
  return [...groups].map(([title, permissions]) => ({ title, permissions }));
}
