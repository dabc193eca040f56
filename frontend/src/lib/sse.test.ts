import { describe, expect, it } from "vitest";
import { createSseParser } from "./sse";

describe("the parser of server-sent events", () => {
  it("reads events whatever pieces they arrive in", () => {
    const stream = ': hello\n\nid: 1-0\nevent: instance_changed\ndata: {"a":1}\n\ndata: one\ndata: two\n\n';
    for (let size = 1; size < stream.length; size += 3) {
      const parse = createSseParser();
      const events = [];
      for (let at = 0; at < stream.length; at += size) events.push(...parse(stream.slice(at, at + size)));
      expect(events).toEqual([
        { event: "instance_changed", data: '{"a":1}', id: "1-0" },
        { event: "message", data: "one\ntwo", id: "1-0" },
      ]);
    }
  });

  it("takes every kind of line end, also one cut in half", () => {
    const parse = createSseParser();
    expect(parse("data: a\r")).toEqual([]);
    expect(parse("\n\r\ndata: b\r\r")).toEqual([{ event: "message", data: "a", id: null }]);
    expect(parse("\n")).toEqual([{ event: "message", data: "b", id: null }]);
  });

  it("ignores comments and events without data", () => {
    expect(createSseParser()(": keep-alive\n\nevent: x\n\n")).toEqual([]);
  });
});
