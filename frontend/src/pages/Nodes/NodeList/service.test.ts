// @vitest-environment jsdom
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { InstanceView, NodeView } from "@/lib/api/generated/types.gen";
import { drainNode } from "./service";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const NODE = { uid: "n1", org_id: "o1", name: "rack-1" } as NodeView;

/** A node with so many instances; those that are let go leave the list at once, as do those in `goneMeanwhile`. */
function nodeWith(count: number, options: { busy?: string; goneMeanwhile?: string[] } = {}) {
  let names = Array.from({ length: count }, (_, n) => `i${n}`);
  const said: string[] = [];
  let isActive = true;
  let lists = 0;
  function drop(name: string): void {
    names = names.filter((each) => each !== name);
  }
  server.use(
    http.put("*/org/o1/nodes/n1", async ({ request }) => {
      isActive = ((await request.json()) as { is_active: boolean }).is_active;
      return HttpResponse.json({});
    }),
    http.get("*/org/o1/instances", ({ request }) => {
      const { searchParams: query } = new URL(request.url);
      const [limit, offset] = [Number(query.get("limit")), Number(query.get("offset"))];
      lists += 1;
      const items = names.slice(offset, offset + limit).map((name) => ({ uid: name, name, ...REST }));
      const answer = HttpResponse.json({ items, total: names.length, limit, offset });
      if (lists === 1) options.goneMeanwhile?.forEach(drop);
      return answer;
    }),
    http.delete("*/org/o1/runners/r1/instance/:name", ({ params }) => {
      const name = String(params.name);
      said.push(name);
      if (name === options.busy) return HttpResponse.json({ status: 409, detail: "busy" }, { status: 409 });
      if (!names.includes(name)) return HttpResponse.json({ status: 404, detail: "gone" }, { status: 404 });
      drop(name);
      return HttpResponse.json({}, { status: 202 });
    }),
  );
  return { said, isActive: () => isActive, left: () => names };
}
const REST: Partial<InstanceView> = {
  org_id: "o1",
  runner_id: "r1",
  state: "running",
  status: "idle",
  desired_state: "running",
};

describe("draining a node", () => {
  it("closes it and lets every instance go once, though the pages move meanwhile", async () => {
    const node = nodeWith(250, { goneMeanwhile: ["i3", "i4", "i5"] });
    await drainNode(NODE);
    expect(node.isActive()).toBe(false);
    expect(node.left()).toEqual([]);
    expect(node.said).toHaveLength(250);
    expect(new Set(node.said).size).toBe(250);
  });

  it("names those that did not go, and asks each once", async () => {
    const node = nodeWith(3, { busy: "i1" });
    await expect(drainNode(NODE)).rejects.toMatchObject({ status: 409, detail: expect.stringContaining("i1") });
    expect(node.said.sort()).toEqual(["i0", "i1", "i2"]);
  });

  it("is done at once where there is nothing", async () => {
    const node = nodeWith(0);
    await drainNode(NODE);
    expect(node.said).toEqual([]);
  });
});
