// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter, useLocation } from "react-router";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { TooltipProvider } from "@/components/ui/tooltip";
import { useListState } from "@/hooks/useListState";
import { type Column, DataTable, type ListSource } from "./DataTable";

type Row = { uid: string; size: string };

const COLUMNS: Column<Row>[] = [
  { id: "name", header: "Name", fixed: true, cell: (row) => row.uid },
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

  it("shows on a phone what was chosen, however unimportant", async () => {
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
    vi.unstubAllGlobals();
  });
});
