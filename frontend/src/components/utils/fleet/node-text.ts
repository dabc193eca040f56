import type { NodeView } from "@/lib/api/generated/types.gen";

/** Where a node's engine is reached, in one line. */
export function nodeAddress(node: NodeView): string {
  switch (node.type) {
    case "socket":
      return node.socket_path ?? "";
    case "local":
      return node.host ?? "";
    case "remote": {
      const host = node.ip_address?.includes(":") ? `[${node.ip_address}]` : (node.ip_address ?? "");
      return `${host}:${node.port ?? ""}`;
    }
  }
}
