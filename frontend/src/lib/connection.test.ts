import { describe, expect, it } from "vitest";
import { connectionStore, serverAnswered, serverWasSilent, streamIs } from "./connection";

describe("how fresh the page says it is", () => {
  it("is live again after a silence that the stream survived", () => {
    streamIs("live");
    serverWasSilent();
    expect(connectionStore.get().mode).toBe("offline");
    serverAnswered(Date.now());
    expect(connectionStore.get().mode).toBe("live");
  });

  it("is not live while the stream is being opened again, whatever else answers", () => {
    streamIs("live");
    streamIs("offline");
    expect(connectionStore.get().mode).toBe("offline");
    serverAnswered(Date.now());
    expect(connectionStore.get().mode).toBe("reconnecting");
    streamIs("polling");
    expect(connectionStore.get().mode).toBe("polling");
  });

  it("tells its listeners of news only", () => {
    let calls = 0;
    const stop = connectionStore.subscribe(() => {
      calls += 1;
    });
    const now = Date.now() + 60_000;
    serverAnswered(now);
    serverAnswered(now + 1);
    serverAnswered(now + 2);
    stop();
    expect(calls).toBe(1);
  });
});
