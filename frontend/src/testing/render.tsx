import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type * as React from "react";
import { MemoryRouter } from "react-router";
import { TooltipProvider } from "@/components/ui/tooltip";
import { createQueryClient } from "@/lib/query-client";

/** Renders a part of a page with what the whole page has around it, and its own cache. */
export function renderPart(part: React.ReactNode) {
  return render(
    <QueryClientProvider client={createQueryClient()}>
      <MemoryRouter>
        <TooltipProvider>{part}</TooltipProvider>
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
