import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type * as React from "react";
import { MemoryRouter } from "react-router";
import { TooltipProvider } from "@/components/ui/tooltip";
import { type CurrentOrg, currentOrg, OrgProvider } from "@/context/OrgContext";
import type { OrgView } from "@/lib/api/generated/types.gen";
import { createQueryClient } from "@/lib/query-client";

/** The organisation `o1` as its admin sees it, or a member who may do this. */
export function orgOf(role: CurrentOrg["role"], permissions: Record<string, boolean> = {}): CurrentOrg {
  return currentOrg({ uid: "o1", name: "Acme", role, permissions } as OrgView);
}

type Surroundings = { address?: string; org?: CurrentOrg };

/** Renders a part of a page with what the whole page has around it, and its own cache. */
export function renderPart(part: React.ReactNode, { address = "/", org = orgOf("admin") }: Surroundings = {}) {
  return render(
    <QueryClientProvider client={createQueryClient()}>
      <MemoryRouter initialEntries={[address]}>
        <OrgProvider value={org}>
          <TooltipProvider>{part}</TooltipProvider>
        </OrgProvider>
      </MemoryRouter>
    </QueryClientProvider>,
  );
}

/** The api's list of these. */
export function listOf<Item>(items: readonly Item[]) {
  return { items, total: items.length, limit: 100, offset: 0 };
}

/** The api's refusal of a body, with what is wrong with its fields. */
export function refusal(errors: readonly { field: string; message: string }[]) {
  return {
    type: "about:blank",
    title: "Unprocessable Entity",
    status: 422,
    code: "invalid",
    detail: "Some fields are invalid; see errors.",
    errors,
    request_id: "r1",
  };
}
