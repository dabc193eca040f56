import { type APIRequestContext, expect, type Locator, type Page } from "@playwright/test";

/** The first person of the story; the onboarding makes the account. */
export const ADA = {
  full_name: "Ada Lovelace",
  email: "ada@example.org",
  password: "correct horse battery staple",
  org_name: "Acme Platform",
};

/** Someone who may only read. Her name must do no harm. */
export const GRACE = {
  full_name: "Grace <script>window.harm = 1</script> Hopper",
  email: "grace@example.org",
  password: "a longer sentence for grace",
};

export async function signIn(page: Page, who: { email: string; password: string }): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(who.email);
  await page.getByLabel("Password").fill(who.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/o\//);
}

export type Api = {
  get: <T>(path: string) => Promise<T>;
  post: <T>(path: string, body: unknown) => Promise<T>;
  patch: (path: string, body: unknown) => Promise<void>;
  delete: (path: string) => Promise<void>;
  /** Who asks, for requests that are to be refused. */
  headers: Record<string, string>;
  orgId: string;
};

type PageOf<T> = { items: T[]; total: number };
export type Named = { uid: string; name: string };

/** The REST API as a script sees it, signed in. */
export async function apiOf(request: APIRequestContext, who: { email: string; password: string }): Promise<Api> {
  const login = await request.post("/auth/login", { data: { email: who.email, password: who.password } });
  expect(login.ok(), await login.text()).toBe(true);
  const { access_token: token } = (await login.json()) as { access_token: string };
  const headers = { Authorization: `Bearer ${token}` };
  const get = async <T>(path: string): Promise<T> => {
    const answer = await request.get(path, { headers });
    expect(answer.ok(), await answer.text()).toBe(true);
    return (await answer.json()) as T;
  };
  const post = async <T>(path: string, data: unknown): Promise<T> => {
    const answer = await request.post(path, { headers, data });
    expect(answer.ok(), await answer.text()).toBe(true);
    return (await answer.json()) as T;
  };
  const patch = async (path: string, data: unknown): Promise<void> => {
    const answer = await request.patch(path, { headers, data });
    expect(answer.ok(), await answer.text()).toBe(true);
  };
  const remove = async (path: string): Promise<void> => {
    const answer = await request.delete(path, { headers });
    expect(answer.ok(), await answer.text()).toBe(true);
  };
  const me = await get<{ orgs: Named[] }>("/common/me");
  return { get, post, patch, delete: remove, headers, orgId: me.orgs[0]?.uid ?? "" };
}

export type Person = { full_name: string; email: string; password: string };

export const personOf = (full_name: string, email: string): Person => ({
  full_name,
  email,
  password: `${full_name} has a long sentence`,
});

/** Makes an account, and gives the REST API as its owner sees it. */
export async function registered(request: APIRequestContext, who: Person): Promise<Api> {
  const answer = await request.post("/auth/register", { data: who });
  expect(answer.ok(), await answer.text()).toBe(true);
  return apiOf(request, who);
}

/** The runner that the onboarding made, with its first instance. */
export async function firstRunner(api: Api): Promise<{ runner: Named; instance: Named }> {
  const runners = await api.get<PageOf<Named>>(`/org/${api.orgId}/runners?q=builder`);
  const runner = runners.items[0];
  if (!runner) throw new Error("the onboarding made no runner");
  const instances = await api.get<PageOf<Named>>(`/org/${api.orgId}/runners/${runner.uid}/instance`);
  const instance = instances.items[0];
  if (!instance) throw new Error("the onboarding made no instance");
  return { runner, instance };
}

/** A runner with the image, the credential and the limits of the first one, whose instances take many jobs. */
export async function likeTheFirst(api: Api, fields: { name: string } & Record<string, unknown>): Promise<Named> {
  const { runner } = await firstRunner(api);
  const path = `/org/${api.orgId}/runners`;
  const { credential_id, docker_image, resources } = await api.get<Record<string, unknown>>(`${path}/${runner.uid}`);
  return api.post<Named>(path, { credential_id, docker_image, resources, ephemeral: false, ...fields });
}

/** Where the simulated GitHub is. */
export async function sandboxUrl(request: APIRequestContext): Promise<string> {
  const config = (await (await request.get("/common/config")).json()) as { sandbox_github_url: string };
  return config.sandbox_github_url;
}

/** Sends a sample job to the simulated GitHub, as a workflow of the repository would. */
export async function sendSampleJob(
  request: APIRequestContext,
  seconds: number,
  name = "build",
  labels = ["linux"],
  target = "acme/web",
): Promise<void> {
  const url = new URL("/_sandbox/jobs", await sandboxUrl(request));
  const data = { target, labels, name, duration_secs: seconds, result: "Succeeded" };
  const answer = await request.post(url.href, { data });
  expect(answer.ok(), await answer.text()).toBe(true);
}

/** A registration token for a repository, as its owner copies one from GitHub's page. */
export async function registrationToken(request: APIRequestContext, repository: string): Promise<string> {
  const url = new URL(`/repos/${repository}/actions/runners/registration-token`, await sandboxUrl(request));
  const answer = await request.post(url.href, { headers: { Authorization: "Bearer sandbox" } });
  expect(answer.ok(), await answer.text()).toBe(true);
  return ((await answer.json()) as { token: string }).token;
}

/** Presses Tab until the target has the focus, as someone without a mouse would. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 80; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("Tab never reached the target");
}

/** Notes every request that goes elsewhere, and every error that nothing caught. */
export function watch(page: Page, origin: string): { foreign: string[]; broken: string[] } {
  const seen = { foreign: [] as string[], broken: [] as string[] };
  page.on("request", (asked) => {
    const { protocol, origin: to } = new URL(asked.url());
    if (/^(http|ws)/.test(protocol) && to !== new URL(origin).origin) seen.foreign.push(asked.url());
  });
  page.on("pageerror", (error) => seen.broken.push(error.message));
  return seen;
}
