// @vitest-environment jsdom
import { act, renderHook } from "@testing-library/react";
import { MemoryRouter, useLocation } from "react-router";
import { expect, it } from "vitest";
import { useListState } from "./useListState";

function open(address: string) {
  const { result } = renderHook(() => ({ list: useListState(), location: useLocation() }), {
    wrapper: ({ children }) => <MemoryRouter initialEntries={[address]}>{children}</MemoryRouter>,
  });
  return {
    list: () => result.current.list,
    search: () => result.current.location.search,
  };
}

it("keeps both of two changes of which the second comes before the first is shown", () => {
  const { list, search } = open("/?status=busy");
  act(() => {
    list().sortBy("name");
    list().change({ size: 25 });
  });
  expect(search()).toBe("?status=busy&sort=name&size=25");
  act(() => {
    list().sortBy("name");
    list().sortBy("name");
  });
  expect(search()).toBe("?status=busy&size=25");
});

it("starts at the first page with every change but one of the page", () => {
  const { list, search } = open("/?page=3");
  act(() => list().change({ page: 2 }, { push: true }));
  expect(search()).toBe("?page=2");
  act(() => list().change({ q: "rack" }));
  expect(search()).toBe("?q=rack");
});
