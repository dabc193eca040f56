// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

type Call = { path: string; authorization: string | null };

/** A server whose access tokens are good until it is told otherwise. */
function serverWith(options: { refresh: () => Response | Promise<Response> }) {
  const calls: Call[] = [];
  let good = "token-1";
  const fetchMock = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(new URL(String(input instanceof Request ? input.url : input), "http://host"), {
      ...(input instanceof Request ? { method: input.method, headers: input.headers } : init),
      signal: null,
    });
    const { pathname } = new URL(request.url);
    const authorization = request.headers.get("Authorization");
    calls.push({ path: pathname, authorization });
    if (pathname === "/auth/refresh") return options.refresh();
    return authorization === `Bearer ${good}` ? Response.json({ ok: true }) : new Response(null, { status: 401 });
  });
  vi.stubGlobal("fetch", fetchMock);
  return {
    calls,
    accept: (token: string) => {
      good = token;
    },
  };
}

const tokens = (access_token: string) => Response.json({ access_token, expires_in: 600 });

beforeEach(() => {
  localStorage.clear();
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the session", () => {
  it("renews once for many requests that find the token no longer good", async () => {
    const server = serverWith({ refresh: () => tokens("token-2") });
    const { authFetch, keepTokens } = await import("./auth-session");
    keepTokens({ access_token: "token-1", expires_in: 600 });
    server.accept("token-2");
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => authFetch(`http://host/org/${n}`)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    expect(server.calls.filter((call) => call.path === "/auth/refresh")).toHaveLength(1);
  });

  it("is renewed by one tab after the other, so that no refresh token is used twice", async () => {
    let underWay = 0;
    let together = 0;
    serverWith({
      async refresh() {
        underWay += 1;
        together = Math.max(together, underWay);
        await new Promise((resolve) => setTimeout(resolve, 20));
        underWay -= 1;
        return tokens("token-2");
      },
    });
    const tabs = [];
    for (let tab = 0; tab < 3; tab += 1) {
      vi.resetModules();
      tabs.push(await import("./auth-session"));
    }
    expect(await Promise.all(tabs.map((tab) => tab.renew()))).toEqual([true, true, true]);
    expect(together).toBe(1);
  });

  it("ends when the server refuses to renew it", async () => {
    serverWith({ refresh: () => new Response(null, { status: 401 }) });
    const { authFetch, keepTokens, sessionStore } = await import("./auth-session");
    keepTokens({ access_token: "old", expires_in: 600 });
    expect((await authFetch("http://host/org")).status).toBe(401);
    expect(sessionStore.get()).toBe("signed-out");
  });

  it("survives a server that is down while it should be renewed", async () => {
    serverWith({ refresh: () => new Response(null, { status: 503 }) });
    const { authFetch, keepTokens, sessionStore } = await import("./auth-session");
    keepTokens({ access_token: "old", expires_in: 600 });
    await expect(authFetch("http://host/org")).rejects.toThrow("503");
    expect(sessionStore.get()).toBe("signed-in");
  });

  it("is renewed before the token expires, and never for a sign-in", async () => {
    const server = serverWith({ refresh: () => tokens("token-1") });
    const { authFetch, keepTokens } = await import("./auth-session");
    keepTokens({ access_token: "stale", expires_in: 5 });
    expect((await authFetch("http://host/org")).status).toBe(200);
    await authFetch("http://host/auth/login", { method: "POST" });
    expect(server.calls.map((call) => call.path)).toEqual(["/auth/refresh", "/org", "/auth/login"]);
    expect(server.calls[2]?.authorization).toBeNull();
  });

  it("does not come back after a sign-out that the server did not hear of, and tells it later", async () => {
    vi.useFakeTimers();
    let isAway = true;
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (input: string) => {
      asked.push(input);
      if (isAway) throw new TypeError("Failed to fetch");
      return input === "/auth/refresh" ? tokens("token-9") : new Response(null, { status: 204 });
    });
    const first = await import("./auth-session");
    first.keepTokens({ access_token: "token-1", expires_in: 600 });
    expect(await first.signOut()).toBe(false);
    expect(first.sessionStore.get()).toBe("signed-out");

    // The page is loaded again, the server still away.
    vi.clearAllTimers();
    vi.resetModules();
    const second = await import("./auth-session");
    const refused = second.renew();
    await vi.advanceTimersByTimeAsync(100);
    expect(await refused).toBe(false);
    expect(second.sessionStore.get()).toBe("signed-out");
    isAway = false;
    await vi.advanceTimersByTimeAsync(11_000);
    expect(asked).toEqual(["/auth/logout", "/auth/logout", "/auth/logout"]);
    expect(localStorage.length).toBe(0);

    // Told: a session from now on is a new one.
    const renewed = second.renew();
    await vi.advanceTimersByTimeAsync(100);
    expect(await renewed).toBe(true);
    expect(asked.at(-1)).toBe("/auth/refresh");
    vi.useRealTimers();
  });
});
