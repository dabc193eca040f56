import { expect, it } from "vitest";
import { groupsOf } from "./permission-groups";

it("puts together what is about the same, and loses nothing it does not know", () => {
  const catalogue = ["create_runner", "create_instance", "view_logs", "create_node", "delete_runner", "fly"].map(
    (name) => ({ name }),
  );
  expect(groupsOf(catalogue).map(({ title, permissions }) => [title, permissions.map(({ name }) => name)])).toEqual([
    ["Runners", ["create_runner", "delete_runner"]],
    ["Instances", ["create_instance", "view_logs"]],
    ["Nodes", ["create_node"]],
    ["Other", ["fly"]],
  ]);
});
