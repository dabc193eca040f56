// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { NodeCheck, NodeView } from "@/lib/api/generated/types.gen";
import { listOf, renderPart } from "@/testing/render";
import { NodeStep } from "./NodeStep";

// What was only looked at is removed when the page goes, which may be after a test has ended.
const server = setupServer(http.delete("*/org/o1/nodes/:id", () => new HttpResponse(null, { status: 204 })));
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const PASSED: NodeCheck[] = [
  { name: "connect", ok: true, message: "unix:///var/run/docker.sock answers" },
  { name: "api_version", ok: true },
];
const FAILED: NodeCheck[] = [
  { name: "connect", ok: false, message: "the socket does not exist", fix: "Start Docker." },
];
const SOCKET = "/var/run/docker.sock";

type Fleet = { byHost?: readonly NodeCheck[]; hosts?: string[] };

/**
 * The api with these nodes, and workers on these hosts; a new node's check comes out as `checks` says, or as `byHost`
 * does for one of that type, at the second look at it.
 */
function apiWith(known: Partial<NodeView>[], checks: readonly NodeCheck[] = PASSED, fleet: Fleet = {}) {
  const nodes = new Map(known.map((node) => [node.uid, node]));
  const did: string[] = [];
  const looks = new Map<string, number>();
  server.use(
    http.get("*/org/o1/overview", () =>
      HttpResponse.json({ workers: (fleet.hosts ?? []).map((host) => ({ queues: ["runner_pilot", `host.${host}`] })) }),
    ),
    http.get("*/org/o1/credentials", () => HttpResponse.json(listOf([]))),
    http.get("*/org/o1/nodes", () => HttpResponse.json(listOf([...nodes.values()]))),
    http.post("*/org/o1/nodes", async ({ request }) => {
      const body = (await request.json()) as Partial<NodeView>;
      did.push(`add ${body.name} ${body.is_active === false ? "paused" : "open"}`);
      const uid = body.type === "local" ? "n10" : "n9";
      const node: Partial<NodeView> = {
        ...body,
        uid,
        status: "inactive",
        created_at: new Date().toISOString(),
        checks: [],
      };
      nodes.set(uid, node);
      return HttpResponse.json(node, { status: 201 });
    }),
    http.get("*/org/o1/nodes/:id", ({ params }) => {
      const id = String(params.id);
      const node = nodes.get(id);
      if (!node) return HttpResponse.json({ status: 404, detail: "gone" }, { status: 404 });
      looks.set(id, (looks.get(id) ?? 0) + 1);
      if (!["n9", "n10"].includes(id) || (looks.get(id) ?? 0) < 2) return HttpResponse.json(node);
      const came = node.type === "local" ? (fleet.byHost ?? []) : checks;
      const status = came.every((check) => check.ok) ? "active" : "inactive";
      const facts = { engine_version: "27.5.1" };
      return HttpResponse.json({ ...node, status, checks: came, facts, last_checked_at: new Date().toISOString() });
    }),
    http.put("*/org/o1/nodes/:id", async ({ params, request }) => {
      const body = (await request.json()) as Partial<NodeView>;
      did.push(`change ${params.id} ${JSON.stringify(body)}`);
      return HttpResponse.json({ ...nodes.get(String(params.id)), ...body });
    }),
    http.post("*/org/o1/nodes/:id/check", ({ params }) => {
      did.push(`check ${params.id}`);
      return HttpResponse.json({}, { status: 202 });
    }),
    http.delete("*/org/o1/nodes/:id", ({ params }) => {
      did.push(`remove ${params.id}`);
      nodes.delete(String(params.id));
      return new HttpResponse(null, { status: 204 });
    }),
  );
  return did;
}

function show(nodeId: string | null = null) {
  const go = vi.fn();
  return { go, ...renderPart(<NodeStep orgId="o1" nodeId={nodeId} go={go} />) };
}

describe("this machine's engine", () => {
  it("is offered when its checks have passed, and taken with one click", async () => {
    const did = apiWith([]);
    const { go, unmount } = show();
    expect(screen.getByText("Looking for a Docker engine on this machine …")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Use it" })).toBeNull();
    const use = await screen.findByRole("button", { name: "Use it" });
    expect(screen.getByRole("heading", { name: "Docker 27.5.1 is ready on this machine" })).toBeInTheDocument();
    expect(screen.getAllByLabelText("passed")).toHaveLength(2);
    await userEvent.click(use);
    await expect.poll(() => go.mock.calls).toEqual([[{ node: "n9", node_done: "1" }]]);
    unmount();
    expect(did).toEqual(["add this-machine paused", 'change n9 {"is_active":true}']);
  });

  it("is not offered when it can't be used; the wizard says what helps, and leaves nothing of it", async () => {
    const did = apiWith([], FAILED);
    const { unmount } = show();
    const failed = (await screen.findByLabelText("failed")).closest("li") as HTMLElement;
    expect(within(failed).getByText("The socket does not exist.")).toBeInTheDocument();
    expect(within(failed).getByText("What helps: Start Docker.")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Use it" })).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Check again" }));
    await expect.poll(() => did).toContain("check n9");
    unmount();
    await expect.poll(() => did).toEqual(["add this-machine paused", "check n9", "remove n9"]);
  });

  it("is offered as the worker itself finds it where the usual socket leads to none", async () => {
    const did = apiWith([], FAILED, { hosts: ["box"], byHost: PASSED });
    const { go, unmount } = show();
    await userEvent.click(await screen.findByRole("button", { name: "Use it" }));
    expect(screen.getByText("As the worker on box finds it, such as by DOCKER_HOST.")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: /^Use this-machine/ })).toBeNull();
    await expect.poll(() => go.mock.calls).toEqual([[{ node: "n10", node_done: "1" }]]);
    unmount();
    // The one that was only looked at goes.
    await expect
      .poll(() => did)
      .toEqual(["add this-machine paused", "add this-machine-2 paused", 'change n10 {"is_active":true}', "remove n9"]);
  });

  it("is said to be of no use where neither way leads to it, and neither leaves anything", async () => {
    const did = apiWith([], FAILED, { hosts: ["box"], byHost: FAILED });
    const { unmount } = show();
    expect(await screen.findByText("No Docker engine on this machine that can be used")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Use it" })).toBeNull();
    await expect.poll(() => did).toHaveLength(2);
    await userEvent.click(await screen.findByRole("button", { name: "Check again" }));
    await expect.poll(() => did.filter((each) => each.startsWith("check")).sort()).toEqual(["check n10", "check n9"]);
    unmount();
    await expect
      .poll(() => did.filter((each) => each.startsWith("remove")).sort())
      .toEqual(["remove n10", "remove n9"]);
  });

  it("is not added where it is a node already, and then stays whatever is done here", async () => {
    const there = { uid: "n1", name: "mine", type: "socket", socket_path: SOCKET, checks: PASSED } as const;
    const did = apiWith([{ ...there, status: "active", created_at: "2026-01-01T00:00:00Z", last_checked_at: "2026" }]);
    const { unmount } = show();
    expect(await screen.findByRole("button", { name: "Use it" })).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Use mine" })).toBeNull();
    unmount();
    expect(did).toEqual([]);
  });

  it("keeps its name apart from those that are taken, and leaves other nodes to be chosen", async () => {
    const did = apiWith([{ uid: "n1", name: "this-machine", type: "remote" }]);
    const { go } = show();
    await userEvent.click(await screen.findByRole("button", { name: "Use this-machine" }));
    expect(go).toHaveBeenCalledWith({ node: "n1" });
    await expect.poll(() => did).toEqual(["add this-machine-2 paused"]);
  });

  it("says so when it could not be looked for, and tries again", async () => {
    apiWith([]);
    server.use(http.post("*/org/o1/nodes", () => HttpResponse.json({ status: 409, detail: "Full." }, { status: 409 })));
    show();
    expect(await screen.findByText("Full.")).toBeInTheDocument();
    const did = apiWith([]);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("button", { name: "Use it" })).toBeInTheDocument();
    expect(did).toEqual(["add this-machine paused"]);
  });
});

describe("another engine", () => {
  it("is added, checked where one sees it, and can be put right", async () => {
    const broken: Partial<NodeView> = {
      uid: "n2",
      name: "rack-1",
      type: "socket",
      socket_path: "/run/mistyped.sock",
      status: "inactive",
      status_reason: "The socket does not exist.",
      is_active: true,
      capacity: 10,
      checks: FAILED,
      created_at: "2026-01-01T00:00:00Z",
      last_checked_at: "2026-01-01T00:00:05Z",
    };
    const did = apiWith([broken]);
    const { go } = show("n2");
    expect(await screen.findByText("The engine can't be used yet.")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Change the node" }));
    const path = screen.getByLabelText("Socket path");
    await userEvent.clear(path);
    await userEvent.type(path, SOCKET);
    await userEvent.click(screen.getByRole("button", { name: "Save and check" }));
    await expect.poll(() => did).toHaveLength(2);
    expect(did[0]).toContain(`"socket_path":"${SOCKET}"`);
    expect(did[1]).toBe("check n2");
    await userEvent.click(await screen.findByRole("button", { name: "Continue anyway" }));
    expect(go).toHaveBeenCalledWith({ node_done: "1" });
  });

  it("that was removed meanwhile leads back to the choice", async () => {
    apiWith([]);
    const { go } = show("n3");
    await userEvent.click(await screen.findByRole("button", { name: "Choose another node" }));
    expect(go).toHaveBeenCalledWith({ node: null });
  });
});
