import { queryOptions } from "@tanstack/react-query";
import {
  listCredentialsQueryKey,
  listNodesQueryKey,
  listRunnersQueryKey,
} from "@/lib/api/generated/@tanstack/react-query.gen";
import { listCredentials, listNodes, listRunners } from "@/lib/api/generated/sdk.gen";
import { everyPage } from "@/lib/every-page";

/**
 * Whole lists, to choose from by name. Their keys are those of the lists, so that the same changes make them old; no
 * page is as long as theirs says.
 */
const WHOLE = { limit: 1_000, sort: "name" } as const;

type Part = { limit: number; offset: number; sort: typeof WHOLE.sort };

/** Reads a whole list by the call that reads a part of it. */
function readWhole<Item extends { uid: string }>(
  read: (query: Part) => Promise<{ data: { items: Item[]; total: number } }>,
) {
  return everyPage(async (page) => (await read({ ...page, sort: WHOLE.sort })).data);
}

export function allNodesOptions(org_id: string) {
  const path = { org_id };
  return queryOptions({
    queryKey: listNodesQueryKey({ path, query: WHOLE }),
    queryFn: ({ signal }) => readWhole((query) => listNodes({ path, query, signal, throwOnError: true })),
  });
}

export function allCredentialsOptions(org_id: string) {
  const path = { org_id };
  return queryOptions({
    queryKey: listCredentialsQueryKey({ path, query: WHOLE }),
    queryFn: ({ signal }) => readWhole((query) => listCredentials({ path, query, signal, throwOnError: true })),
  });
}

export function allRunnersOptions(org_id: string) {
  const path = { org_id };
  return queryOptions({
    queryKey: listRunnersQueryKey({ path, query: WHOLE }),
    queryFn: ({ signal }) => readWhole((query) => listRunners({ path, query, signal, throwOnError: true })),
  });
}
