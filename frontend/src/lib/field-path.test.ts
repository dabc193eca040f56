import { describe, expect, it } from "vitest";
import { aboutPart, placesOf } from "./field-path";

describe("where a field of the api may be shown", () => {
  it.each([
    ["name", [["name", ""]]],
    [
      "labels[2]",
      [
        ["labels[2]", ""],
        ["labels", "[2]"],
      ],
    ],
    [
      "resources.cpus",
      [
        ["resources.cpus", ""],
        ["resources", "cpus"],
      ],
    ],
    [
      "node_selection.node_ids[0]",
      [
        ["node_selection.node_ids[0]", ""],
        ["node_ids", "[0]"],
        ["node_selection", "node_ids[0]"],
      ],
    ],
    ["", []],
  ])("%s", (field, places) => {
    const found = placesOf(field, { "node_selection.node_ids": "node_ids" });
    expect(found.map(({ path, rest }) => [path, rest])).toEqual(places);
  });

  it("says which of several things is meant", () => {
    expect(aboutPart("[2]", "Is too long.")).toBe("No. 3: Is too long.");
    expect(aboutPart("create_node", "Is unknown.")).toBe("create_node: Is unknown.");
    expect(aboutPart("", "Is taken.")).toBe("Is taken.");
  });
});
