import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-react";
import * as React from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { Skeleton } from "@/components/ui/skeleton";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow } from "@/components/ui/table";
import { type BulkAction, BulkActions } from "@/components/utils/bulk/BulkActions";
import { CheckBox } from "@/components/utils/CheckBox";
import { ErrorState } from "@/components/utils/ErrorState";
import { ListPager, ListToolbar, pagesOf } from "@/components/utils/ListToolbar";
import { type Aged, StaleAlert } from "@/components/utils/StaleAlert";
import type { ListControls } from "@/hooks/useListState";
import { useMediaQuery } from "@/hooks/useMediaQuery";
import { useStored } from "@/hooks/useStored";
import { type Choosable, type ColumnChoices, columnChoicesSchema, isShown, type Room } from "@/lib/columns";
import { isInvalid } from "@/lib/problem";
import { texts } from "@/lib/texts/common";
import { cn } from "@/lib/utils";

export type Column<Row> = Choosable & {
  header: string;
  cell: (row: Row) => React.ReactNode;
  /** The api's name of this column, where it can sort by it. */
  sortKey?: string;
  align?: "right";
  /** Its heading is for assistive technology only. */
  quiet?: boolean;
  className?: string;
};

type PageOf<Row> = { items: Row[]; total: number; limit: number; offset: number };

/** What a query tells of itself, as far as a list needs it. */
export type ListSource<Row> = Aged & {
  data: PageOf<Row> | undefined;
  /** What is shown is the answer to the question before: another filter's, another page's. */
  isPlaceholderData: boolean;
};

type DataTableProps<Row> = {
  /** Names the table for assistive technology. */
  name: string;
  /** What its chosen columns are remembered by; its name unless two tables share one. */
  storedAs?: string;
  columns: Column<Row>[];
  source: ListSource<Row>;
  controls: ListControls;
  rowKey: (row: Row) => string;
  rowLabel: (row: Row) => string;
  searchable?: boolean;
  filters?: React.ReactNode;
  /** Shown when there is nothing at all yet; names the next step. */
  empty: React.ReactNode;
  /** Parameters of the address that narrow nothing, such as that of an open panel. */
  otherParams?: readonly string[];
  /** What can be done with several rows at once. */
  bulkActions?: readonly BulkAction<Row>[];
};

const NO_CHOICES: ColumnChoices = {};
const NO_PARAMS: readonly string[] = [];

/** A list from the api: sorted, filtered and paged by the server, its state in the URL. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { name, columns, source, controls, rowKey, rowLabel, bulkActions, otherParams = NO_PARAMS } = props;
  const [choices, setChoices] = useStored(
    `runner-pilot.columns.${props.storedAs ?? name}`,
    columnChoicesSchema,
    NO_CHOICES,
  );
  const [mid, low] = [useMediaQuery("(width >= 64rem)"), useMediaQuery("(width >= 80rem)")];
  const [selected, setSelected] = React.useState<ReadonlySet<string>>(new Set());
  const shown = React.useMemo(() => {
    const room: Room = { high: true, mid, low };
    return columns.filter((column) => isShown(column, choices, room));
  }, [columns, choices, mid, low]);
  const select = React.useCallback((key: string, on: boolean) => setSelected((before) => withRow(before, key, on)), []);
  const isOld = source.isPlaceholderData;
  const rows = source.data?.items ?? [];
  // Rows that went away in the meantime are no longer selected.
  const chosen = rows.filter((row) => selected.has(rowKey(row)));
  const clear = () => setSelected(new Set());
  const own = [...controls.params.keys()].filter((key) => !otherParams.includes(key));
  const isFiltered = controls.state.q !== "" || hasFilters(own);
  const clearButton = (
    <Button
      variant="outline"
      size="sm"
      onClick={() => controls.change(Object.fromEntries(own.map((key) => [key, null])))}
    >
      {texts.list.clear}
    </Button>
  );

  // A page that has gone, such as the last one after its rows were removed, leads to the one that is last now.
  const { page } = controls.state;
  const { change } = controls;
  const last = source.data && !isOld && !source.isError ? pagesOf(source.data) : page;
  React.useEffect(() => {
    if (page > last) change({ page: last });
  }, [page, last, change]);

  if (source.data && source.data.total === 0 && !isFiltered && !source.isError && !isOld) {
    return <Card>{props.empty}</Card>;
  }
  return (
    <Card>
      <ListToolbar
        name={name}
        controls={controls}
        searchable={props.searchable ?? true}
        filters={props.filters}
        columns={columns.filter((column) => !column.fixed)}
        shown={shown.map((column) => column.id)}
        onChoose={(id, isWanted) => setChoices({ ...choices, [id]: isWanted })}
      />
      {selected.size > 0 && bulkActions ? (
        <div
          // Rows that leave the list while something is done to them must not take its dialog with them.
          className={cn(
            "flex flex-wrap items-center gap-2 border-b border-border bg-primary-soft/50 px-4 py-1.5 text-[0.8125rem]",
            chosen.length === 0 && "hidden",
          )}
        >
          <span aria-live="polite" className="mr-2">
            {chosen.length} {texts.list.selected}
          </span>
          <BulkActions actions={bulkActions} rows={chosen} rowKey={rowKey} rowLabel={rowLabel} onDone={clear} />
          <Button variant="ghost" size="xs" className="ml-auto" onClick={clear}>
            {texts.list.unselect}
          </Button>
        </div>
      ) : null}
      {source.isError && source.data ? (
        <div className="border-b border-border p-2">
          <StaleAlert source={source} />
        </div>
      ) : null}
      {source.isError && !source.data ? (
        <ErrorState
          error={source.error}
          onRetry={() => source.refetch()}
          // An address that somebody else wrote may ask for what there is not, such as an order by an unknown column.
          action={own.length > 0 && isInvalid(source.error) ? clearButton : null}
        />
      ) : (
        <Table aria-label={name} aria-busy={isOld || !source.data}>
          <TableHeader>
            <TableRow className="hover:bg-transparent">
              {bulkActions ? (
                <TableHead className="w-10 pr-0">
                  <CheckBox
                    label={texts.list.selectAll}
                    checked={chosen.length === 0 ? false : chosen.length === rows.length ? true : "some"}
                    onChange={(all) => setSelected(all ? new Set(rows.map(rowKey)) : new Set())}
                  />
                </TableHead>
              ) : null}
              {shown.map((column) => (
                <HeadCell key={column.id} column={column} controls={controls} />
              ))}
            </TableRow>
          </TableHeader>
          <TableBody className={cn("transition-opacity", isOld && "opacity-50")}>
            {source.data && !(isOld && rows.length === 0)
              ? rows.map((row) => (
                  <ListRow
                    key={rowKey(row)}
                    row={row}
                    id={rowKey(row)}
                    label={rowLabel(row)}
                    columns={shown}
                    isSelected={selected.has(rowKey(row))}
                    onSelect={bulkActions ? select : undefined}
                  />
                ))
              : SKELETON_ROWS.map((row) => <SkeletonRow key={row} cells={shown.length + (bulkActions ? 1 : 0)} />)}
          </TableBody>
        </Table>
      )}
      {source.data && rows.length === 0 && !isOld ? (
        <Empty title={texts.list.noneFound} description={texts.list.noneFoundHint}>
          {clearButton}
        </Empty>
      ) : null}
      {source.data && source.data.total > 0 ? <ListPager page={source.data} isOld={isOld} controls={controls} /> : null}
    </Card>
  );
}

const SKELETON_ROWS = ["a", "b", "c", "d", "e", "f"];
const STATE_PARAMS = new Set(["q", "sort", "page", "size"]);

function hasFilters(params: readonly string[]): boolean {
  return params.some((key) => !STATE_PARAMS.has(key) || key === "page");
}

function withRow(selected: ReadonlySet<string>, key: string, on: boolean): ReadonlySet<string> {
  const next = new Set(selected);
  if (on) next.add(key);
  else next.delete(key);
  return next;
}

function cellClasses<Row>(column: Column<Row>): string {
  return cn(column.align === "right" && "text-right", column.className);
}

type ListRowProps<Row> = {
  row: Row;
  id: string;
  label: string;
  columns: readonly Column<Row>[];
  isSelected: boolean;
  /** Where rows can be selected. */
  onSelect: ((id: string, on: boolean) => void) | undefined;
};

/** Drawn again only when it changes: one of a thousand instances does every moment. */
const ListRow = React.memo(function ListRow<Row>(props: ListRowProps<Row>) {
  const { row, id, label, columns, isSelected, onSelect } = props;
  return (
    <TableRow data-state={isSelected ? "selected" : undefined}>
      {onSelect ? (
        <TableCell className="w-10 pr-0">
          <CheckBox label={texts.list.select(label)} checked={isSelected} onChange={(on) => onSelect(id, on)} />
        </TableCell>
      ) : null}
      {columns.map((column) => (
        <TableCell key={column.id} className={cellClasses(column)}>
          {column.cell(row)}
        </TableCell>
      ))}
    </TableRow>
  );
}) as <Row>(props: ListRowProps<Row>) => React.ReactNode;

function HeadCell<Row>({ column, controls }: { column: Column<Row>; controls: ListControls }) {
  const { sortKey } = column;
  if (!sortKey) {
    return (
      <TableHead className={cellClasses(column)}>
        {column.quiet ? <span className="sr-only">{column.header}</span> : column.header}
      </TableHead>
    );
  }
  const current = controls.state.sort;
  const direction = current === sortKey ? "ascending" : current === `-${sortKey}` ? "descending" : undefined;
  const Icon = direction === "ascending" ? ArrowUp : direction === "descending" ? ArrowDown : ChevronsUpDown;
  return (
    <TableHead aria-sort={direction ?? "none"} className={cellClasses(column)}>
      <button
        type="button"
        onClick={() => controls.sortBy(sortKey)}
        className={cn(
          "-mx-1.5 inline-flex h-6 items-center gap-1 rounded-sm px-1.5 hover:bg-accent hover:text-foreground",
          direction && "text-foreground",
        )}
      >
        {column.header}
        <Icon aria-hidden="true" className={cn("size-3", direction ? "" : "opacity-50")} />
      </button>
    </TableHead>
  );
}

function SkeletonRow({ cells }: { cells: number }) {
  return (
    <TableRow>
      {Array.from({ length: cells }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
        <TableCell key={index}>
          <Skeleton className="w-full max-w-28" />
        </TableCell>
      ))}
    </TableRow>
  );
}
