// @vitest-environment jsdom
import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter, useLocation } from "react-router";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import { useListState } from "@/hooks/useListState";
import { type Column, DataTable, type ListSource } from "./DataTable";
import { FilterSelect } from "./ListToolbar";

type Row = { uid: string; size: string };

const COLUMNS: Column<Row>[] = [
  { id: "name", header: "Name", sortKey: "name", fixed: true, cell: (row) => row.uid },
  { id: "size", header: "Size", priority: "low", cell: (row) => row.size },
];

const page = (items: string[], total: number, offset = 0) => ({
  items: items.map((uid) => ({ uid, size: `${uid} is large` })),
  total,
  limit: 50,
  offset,
});

function source(data: ListSource<Row>["data"], more: Partial<ListSource<Row>> = {}): ListSource<Row> {
  return {
    data,
    error: null,
    isError: false,
    isPlaceholderData: false,
    dataUpdatedAt: 0,
    refetch: () => undefined,
    ...more,
  };
}

function List({ of }: { of: ListSource<Row> }) {
  const controls = useListState();
  const { search } = useLocation();
  return (
    <>
      <output>{search}</output>
      <DataTable
        name="Things"
        columns={COLUMNS}
        source={of}
        controls={controls}
        rowKey={(row) => row.uid}
        rowLabel={(row) => row.uid}
        empty={<p>No things yet</p>}
        filters={
          <FilterSelect label="Colour" param="colour" controls={controls} options={[{ value: "red", label: "Red" }]} />
        }
        otherParams={["create"]}
      />
    </>
  );
}

function show(of: ListSource<Row>, address = "/") {
  const tree = (next: ListSource<Row>) => (
    <TooltipProvider>
      <List of={next} />
    </TooltipProvider>
  );
  const { rerender } = render(tree(of), {
    wrapper: ({ children }) => <MemoryRouter initialEntries={[address]}>{children}</MemoryRouter>,
  });
  return (next: ListSource<Row>) => rerender(tree(next));
}

const whereabouts = () => document.querySelector("output")?.textContent;

beforeEach(() => localStorage.clear());

describe("a list", () => {
  it("says that rows of the question before are not the answer yet", () => {
    const answer = show(source(page(["a"], 1), { isPlaceholderData: true }), "/?q=b");
    expect(screen.getByRole("table", { name: "Things" })).toHaveAttribute("aria-busy", "true");
    expect(screen.getByText("Loading …")).toBeInTheDocument();
    answer(source(page(["b"], 1)));
    expect(screen.getByRole("table", { name: "Things" })).toHaveAttribute("aria-busy", "false");
    expect(screen.getByText("1–1 of 1")).toBeInTheDocument();
  });

  it("does not call itself empty before it knows", () => {
    const answer = show(source(page([], 0), { isPlaceholderData: true }));
    expect(screen.queryByText("No things yet")).toBeNull();
    expect(screen.queryByText("Nothing matches")).toBeNull();
    answer(source(page([], 0)));
    expect(screen.getByText("No things yet")).toBeInTheDocument();
  });

  it("goes to the page that is last when its own has gone", async () => {
    show(source(page([], 50, 50)), "/?page=2&sort=name");
    expect(await screen.findByText("?sort=name")).toBeInTheDocument();
    expect(screen.queryByText(/51/)).toBeNull();
  });

  it("is sorted by a click on a heading: upwards, downwards, then in its own order again", async () => {
    show(source(page(["a"], 200, 50)), "/?page=2");
    const heading = () => screen.getByRole("columnheader", { name: "Name" });
    expect(heading()).toHaveAttribute("aria-sort", "none");
    const inOrder: [string, string][] = [
      ["?sort=name", "ascending"],
      ["?sort=-name", "descending"],
      ["", "none"],
    ];
    for (const [address, order] of inOrder) {
      await userEvent.click(within(heading()).getByRole("button"));
      expect(whereabouts()).toBe(address);
      expect(heading()).toHaveAttribute("aria-sort", order);
    }
    expect(within(screen.getByRole("columnheader", { name: "Size" })).queryByRole("button")).toBeNull();
  });

  it("is paged, and starts anew where it is narrowed or its pages change", async () => {
    const answer = show(source(page(["a"], 120)), "/?sort=name");
    const [previous, next] = ["Previous page", "Next page"].map((name) => screen.getByRole("button", { name }));
    if (!previous || !next) throw new Error("the list has no pager");
    expect(previous).toBeDisabled();
    expect(screen.getByText("1 / 3")).toBeInTheDocument();
    await userEvent.click(next);
    expect(whereabouts()).toBe("?sort=name&page=2");
    answer(source(page(["b"], 120, 50)));
    expect(screen.getByText("51–100 of 120")).toBeInTheDocument();
    await userEvent.click(next);
    answer(source(page(["c"], 120, 100)));
    expect(screen.getByText("101–120 of 120")).toBeInTheDocument();
    expect(next).toBeDisabled();
    await userEvent.click(previous);
    expect(whereabouts()).toBe("?sort=name&page=2");
    await userEvent.selectOptions(screen.getByLabelText("Rows"), "25 rows");
    expect(whereabouts()).toBe("?sort=name&size=25");
    await userEvent.selectOptions(screen.getByLabelText("Colour"), "Red");
    expect(whereabouts()).toBe("?sort=name&size=25&colour=red");
    await userEvent.selectOptions(screen.getByLabelText("Colour"), "Colour: any");
    await userEvent.type(screen.getByLabelText("Search things"), " x ");
    await expect.poll(whereabouts).toBe("?sort=name&size=25&q=x");
  });

  it("leads out of an address that the server does not take", async () => {
    const refused = { status: 422, detail: "sort must be one of name." };
    const answer = show(source(undefined, { isError: true, error: refused }), "/?sort=none&create=1");
    expect(screen.getByText("sort must be one of name.")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
    expect(whereabouts()).toBe("?create=1");
    expect(screen.queryByRole("button", { name: "Clear filters" })).toBeNull();
    answer(source(undefined, { isError: true, error: { status: 503 } }));
    expect(screen.getByRole("button", { name: "Try again" })).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Clear filters" })).toBeNull();
  });

  it("says that nothing matches only where something narrows it, and does not close what is open then", async () => {
    show(source(page([], 0)), "/?create=1");
    expect(screen.getByText("No things yet")).toBeInTheDocument();
    cleanup();
    show(source(page([], 0)), "/?create=1&colour=red&q=x");
    expect(screen.getByText("Nothing matches")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
    expect(whereabouts()).toBe("?create=1");
    expect(screen.getByText("No things yet")).toBeInTheDocument();
  });

  it("shows on a phone what was chosen, however unimportant, and the next time too", async () => {
    vi.stubGlobal("matchMedia", () => ({
      matches: false,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    }));
    show(source(page(["a"], 1)));
    expect(screen.queryByText("a is large")).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Columns" }));
    const choice = screen.getByRole("menuitemcheckbox", { name: "Size" });
    expect(choice).toHaveAttribute("aria-checked", "false");
    await userEvent.click(choice);
    expect(screen.getByText("a is large")).toBeInTheDocument();
    // It is remembered here.
    cleanup();
    show(source(page(["a"], 1)));
    expect(screen.getByText("a is large")).toBeInTheDocument();
    vi.unstubAllGlobals();
  });
});
