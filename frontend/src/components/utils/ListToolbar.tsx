import { ChevronLeft, ChevronRight, Search, SlidersHorizontal, X } from "lucide-react";
import * as React from "react";
import { Button } from "@/components/ui/button";
import {
  DropdownMenu,
  DropdownMenuCheckboxItem,
  DropdownMenuContent,
  DropdownMenuLabel,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { Input } from "@/components/ui/input";
import { NativeSelect } from "@/components/ui/native-select";
import { useDebounced } from "@/hooks/useDebounced";
import type { ListControls } from "@/hooks/useListState";
import { count } from "@/lib/format";
import { PAGE_SIZES } from "@/lib/list-state";
import { texts } from "@/lib/texts/common";

const SEARCH_PAUSE_MS = 250;

type ListToolbarProps = {
  name: string;
  controls: ListControls;
  searchable: boolean;
  filters?: React.ReactNode;
  /** Those that can be chosen. */
  columns: { id: string; header: string }[];
  shown: readonly string[];
  onChoose: (id: string, isWanted: boolean) => void;
};

export function ListToolbar({ name, controls, searchable, filters, columns, shown, onChoose }: ListToolbarProps) {
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-border p-2">
      {searchable ? <SearchField name={name} controls={controls} /> : null}
      {filters ? (
        // On a phone they stand below, so that the columns' button needs no row of its own.
        <div className="contents max-sm:order-1 max-sm:flex max-sm:w-full max-sm:flex-wrap max-sm:gap-2">{filters}</div>
      ) : null}
      <div className="ml-auto">
        <DropdownMenu>
          <DropdownMenuTrigger asChild>
            <Button variant="ghost" size="sm" aria-label={texts.list.columns}>
              <SlidersHorizontal />
              <span className="max-sm:sr-only">{texts.list.columns}</span>
            </Button>
          </DropdownMenuTrigger>
          <DropdownMenuContent align="end">
            <DropdownMenuLabel>{texts.list.columns}</DropdownMenuLabel>
            {columns.map((column) => (
              <DropdownMenuCheckboxItem
                key={column.id}
                checked={shown.includes(column.id)}
                onSelect={(event) => event.preventDefault()}
                onCheckedChange={(isWanted) => onChoose(column.id, isWanted)}
              >
                {column.header}
              </DropdownMenuCheckboxItem>
            ))}
          </DropdownMenuContent>
        </DropdownMenu>
      </div>
    </div>
  );
}

/** Keeps what is typed, and puts it into the URL once the typing pauses. */
function SearchField({ name, controls }: { name: string; controls: ListControls }) {
  const [typed, setTyped] = React.useState(controls.state.q);
  const [known, setKnown] = React.useState(controls.state.q);
  const search = useDebounced((q: string) => controls.change({ q }), SEARCH_PAUSE_MS);
  // The URL changed from outside (back, a link, "clear filters"): the field follows.
  if (known !== controls.state.q) {
    setKnown(controls.state.q);
    setTyped(controls.state.q);
  }
  return (
    <div className="relative min-w-0 flex-1 sm:w-64 sm:flex-none">
      <Search
        aria-hidden="true"
        className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-muted-foreground"
      />
      <Input
        type="search"
        data-search-field
        aria-label={`${texts.list.search} ${name.toLowerCase()}`}
        placeholder={texts.list.search}
        value={typed}
        maxLength={100}
        className="h-8 px-8 text-[0.8125rem] [&::-webkit-search-cancel-button]:hidden"
        onChange={(event) => {
          setTyped(event.target.value);
          search(event.target.value.trim());
        }}
      />
      {typed ? (
        <button
          type="button"
          aria-label={texts.list.clearSearch}
          className="absolute top-1/2 right-1 grid size-6 -translate-y-1/2 place-items-center rounded-sm text-muted-foreground hover:text-foreground"
          onClick={() => {
            setTyped("");
            controls.change({ q: "" });
          }}
        >
          <X className="size-3.5" />
        </button>
      ) : null}
    </div>
  );
}

type FilterSelectProps = {
  label: string;
  param: string;
  controls: ListControls;
  options: readonly { value: string; label: string }[];
};

/** One filter of a list, kept in the URL under `param`. */
export function FilterSelect({ label, param, controls, options }: FilterSelectProps) {
  const value = controls.params.get(param) ?? "";
  return (
    <NativeSelect
      size="sm"
      aria-label={label}
      className="w-auto"
      value={options.some((option) => option.value === value) ? value : ""}
      onChange={(event) => controls.change({ [param]: event.target.value })}
    >
      <option value="">{texts.list.any(label)}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </NativeSelect>
  );
}

type Page = { total: number; limit: number; offset: number };

/** How many pages there are; a list without rows has one. */
export function pagesOf({ total, limit }: Page): number {
  return Math.max(1, Math.ceil(total / limit));
}

type ListPagerProps = {
  page: Page;
  /** It is not the page that was asked for; that one is on its way. */
  isOld: boolean;
  controls: ListControls;
};

export function ListPager({ page, isOld, controls }: ListPagerProps) {
  const { state, change } = controls;
  const pages = pagesOf(page);
  const last = Math.min(page.total, page.offset + page.limit);
  const first = Math.min(page.offset + 1, last);
  return (
    <div className="flex flex-wrap items-center gap-3 border-t border-border px-3 py-1.5 text-xs text-muted-foreground">
      <span aria-live="polite">
        {isOld ? texts.loading : texts.list.span(count(first), count(last), count(page.total))}
      </span>
      <div className="ml-auto flex items-center gap-2">
        <NativeSelect
          size="sm"
          aria-label={texts.list.rowsPerPage}
          className="w-auto"
          value={state.size}
          onChange={(event) => change({ size: Number(event.target.value) })}
        >
          {PAGE_SIZES.map((size) => (
            <option key={size} value={size}>
              {texts.list.rows(size)}
            </option>
          ))}
        </NativeSelect>
        <Button
          variant="outline"
          size="icon"
          aria-label={texts.list.previous}
          disabled={state.page <= 1}
          onClick={() => change({ page: state.page - 1 }, { push: true })}
        >
          <ChevronLeft />
        </Button>
        <span>
          {count(state.page)} / {count(pages)}
        </span>
        <Button
          variant="outline"
          size="icon"
          aria-label={texts.list.next}
          disabled={state.page >= pages}
          onClick={() => change({ page: state.page + 1 }, { push: true })}
        >
          <ChevronRight />
        </Button>
      </div>
    </div>
  );
}
