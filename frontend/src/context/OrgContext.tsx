import * as React from "react";
import type { OrgView } from "@/lib/api/generated/types.gen";
import { texts } from "@/lib/texts/common";

/** The organisation that is shown, and what the signed-in user may do in it. */
export type CurrentOrg = {
  orgId: string;
  name: string;
  role: "admin" | "member";
  /** Why something is not allowed, or null where it is. The server decides; this only explains. */
  whyNot: (permission: string) => string | null;
  /** The same for what only an admin may do. */
  whyNotAdmin: string | null;
};

export function currentOrg(membership: OrgView): CurrentOrg {
  const { permissions } = membership;
  const role = membership.role === "admin" ? "admin" : "member";
  return {
    orgId: membership.uid,
    name: membership.name,
    role,
    whyNot: (permission) =>
      role === "admin" || permissions[permission] === true ? null : texts.permission.missing(permission),
    whyNotAdmin: role === "admin" ? null : texts.permission.adminOnly,
  };
}

const OrgContext = React.createContext<CurrentOrg | null>(null);

export const OrgProvider = OrgContext.Provider;

export function useOrg(): CurrentOrg {
  const org = React.use(OrgContext);
  if (!org) throw new Error("useOrg needs the dashboard's layout above it");
  return org;
}
