// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import * as React from "react";
import { expect, it } from "vitest";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { NodeChoices } from "./NodeChoices";

function Choices({ count }: { count: number }) {
  const [chosen, setChosen] = React.useState<string[]>([]);
  const nodes = Array.from({ length: count }, (_, at) => ({ uid: `n${at}`, name: `Rack-${at}` }) as NodeView);
  return (
    <>
      <NodeChoices nodes={nodes} chosen={chosen} onChange={setChosen} />
      <output>{chosen.join(" ")}</output>
    </>
  );
}

it("are looked through by name where there are many, and what is chosen stays so", async () => {
  render(<Choices count={30} />);
  await userEvent.click(screen.getByLabelText("Rack-3"));
  await userEvent.type(screen.getByLabelText("Find a node"), "rack-29{Enter}");
  expect(screen.getAllByRole("checkbox")).toHaveLength(1);
  await userEvent.click(screen.getByLabelText("Rack-29"));
  expect(screen.getByRole("status")).toHaveTextContent("n3 n29");
  await userEvent.clear(screen.getByLabelText("Find a node"));
  expect(screen.getByLabelText("Rack-3")).toBeChecked();
  await userEvent.click(screen.getByLabelText("Rack-3"));
  expect(screen.getByRole("status")).toHaveTextContent("n29");
});

it("are just there where they are few", () => {
  render(<Choices count={3} />);
  expect(screen.getAllByRole("checkbox")).toHaveLength(3);
  expect(screen.queryByLabelText("Find a node")).toBeNull();
});
