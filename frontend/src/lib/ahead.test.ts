// @vitest-environment jsdom
import { afterEach, expect, it, vi } from "vitest";

/** Each test has a session of its own. */
async function load(refresh: () => Response) {
  vi.resetModules();
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => refresh()),
  );
  return import("./ahead");
}

const tokens = () => Response.json({ access_token: "token", expires_in: 900 });

afterEach(() => vi.unstubAllGlobals());

it("asks once it is known who asks, and renews the session for all of it once", async () => {
  const { askAhead, queryClient } = await load(tokens);
  const asked = vi.fn(async () => undefined);
  await Promise.all([askAhead(asked), askAhead(asked)]);
  expect(asked).toHaveBeenCalledTimes(2);
  expect(asked).toHaveBeenCalledWith(queryClient);
  expect(fetch).toHaveBeenCalledOnce();
  await askAhead(asked);
  expect(fetch).toHaveBeenCalledOnce();
});

it("asks nothing for somebody who is not signed in", async () => {
  const { askAhead } = await load(() => new Response(null, { status: 401 }));
  const asked = vi.fn(async () => undefined);
  await askAhead(asked);
  await askAhead(asked);
  expect(asked).not.toHaveBeenCalled();
  expect(fetch).toHaveBeenCalledOnce();
});

it("leaves it to the page to tell of a server that is down", async () => {
  const { askAhead } = await load(() => new Response(null, { status: 503 }));
  const asked = vi.fn(async () => undefined);
  await expect(askAhead(asked)).resolves.toBeUndefined();
  expect(asked).not.toHaveBeenCalled();
});
