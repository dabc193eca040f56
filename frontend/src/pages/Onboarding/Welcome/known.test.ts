import { describe, expect, it } from "vitest";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { freeName, hostOf, nodeOnHost, nodeWithSocket } from "./known";

describe("what the wizard finds", () => {
  it("is the node with this socket, whatever its name", () => {
    const nodes = [
      { uid: "1", name: "this-machine", type: "remote" },
      { uid: "2", name: "mine", type: "socket", socket_path: "/var/run/docker.sock" },
    ] as NodeView[];
    expect(nodeWithSocket(nodes, "/var/run/docker.sock")?.uid).toBe("2");
    expect(nodeWithSocket(nodes, "/run/other.sock")).toBeUndefined();
  });

  it("is the node of a host that runs a worker", () => {
    expect(hostOf([{ queues: ["runner_pilot"] }, { queues: ["runner_pilot", "host.box"] }])).toBe("box");
    expect(hostOf([{ queues: ["runner_pilot"] }])).toBeNull();
    const nodes = [
      { uid: "1", type: "remote", host: "box" },
      { uid: "2", type: "local", host: "other" },
      { uid: "3", type: "local", host: "box" },
    ] as NodeView[];
    expect(nodeOnHost(nodes, "box")?.uid).toBe("3");
  });

  it("is never in the way of a new one's name", () => {
    expect(freeName("sandbox", [])).toBe("sandbox");
    expect(freeName("sandbox", [{ name: "Sandbox" }, { name: "sandbox-2" }])).toBe("sandbox-3");
  });
});
