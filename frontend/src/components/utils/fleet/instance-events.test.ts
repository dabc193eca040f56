import { describe, expect, it } from "vitest";
import { eventDetail, eventTone } from "./instance-events";

describe("timeline events", () => {
  it("show log lines as they are and other facts by name", () => {
    expect(eventDetail({ log: ["one", "<script>two"] })).toBe("one\n<script>two");
    expect(eventDetail({ state: "creating", image: "a:1", attempt: 2, gone: null })).toBe("image: a:1\nattempt: 2");
    expect(eventDetail(undefined)).toBeNull();
    expect(eventDetail([])).toBeNull();
  });

  it("let failures stand out", () => {
    expect(eventTone("log", undefined)).toBe("normal");
    expect(eventTone("state", { state: "failed" })).toBe("bad");
    expect(eventTone("warning", {})).toBe("warn");
    expect(eventTone("state", { state: "running" })).toBe("good");
    expect(eventTone("progress", [])).toBe("normal");
  });
});
