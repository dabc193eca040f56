/** The most that one page of the api holds. */
const PAGE = 100;
/** A list that is longer is not one to choose from. */
const MOST = 1_000;

type Page<Item> = { items: Item[]; total: number };

/** All of a list, page by page, to choose from; `total` says whether there is more than that. */
export async function everyPage<Item extends { uid: string }>(
  read: (page: { limit: number; offset: number }) => Promise<Page<Item>>,
): Promise<Page<Item>> {
  // By id, as the pages move when something is added or removed meanwhile.
  const found = new Map<string, Item>();
  let total = 0;
  let offset = 0;
  do {
    const page = await read({ limit: PAGE, offset });
    for (const item of page.items) found.set(item.uid, item);
    total = page.total;
    offset += PAGE;
  } while (offset < Math.min(total, MOST));
  return { items: [...found.values()], total };
}
