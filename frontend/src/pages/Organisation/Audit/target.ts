import type { AuditView } from "@/lib/api/generated/types.gen";
import { routes } from "@/lib/routes";

type Target = { name: string | null; to: string | null };

/** What an entry tells of its target: the name it had then, and its page unless the entry is of its end. */
export function targetOf(
  { action, target_type, target_id, detail }: Pick<AuditView, "action" | "target_type" | "target_id" | "detail">,
  orgId: string,
): Target {
  const facts: Readonly<Record<string, unknown>> = typeof detail === "object" && detail !== null ? { ...detail } : {};
  const text = (name: string) => (typeof facts[name] === "string" ? facts[name] : null);
  return { name: text("name"), to: action.endsWith(".deleted") ? null : pageOf(text("runner_id")) };

  function pageOf(runnerId: string | null): string | null {
    if (!target_id) return null;
    if (target_type === "runner") return routes.runner(orgId, target_id);
    if (target_type === "node") return `${routes.nodes(orgId)}?node=${target_id}`;
    return target_type === "instance" && runnerId ? routes.instance(orgId, runnerId, target_id) : null;
  }
}
