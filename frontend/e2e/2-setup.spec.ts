import { type APIRequestContext, expect, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import {
  ADA,
  apiOf,
  firstRunner,
  type Named,
  personOf,
  registered,
  registrationToken,
  sandboxUrl,
  sendSampleJob,
  signIn,
} from "./support";

type SandboxJob = { spec: { target: string }; status: string };

/** Fills in what the simulated image needs, and creates the runner. */
async function createRunner(page: Page, name: string, repository: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Repository", { exact: true }).fill(repository);
  await page.getByLabel(/^Image/).fill("runner-pilot/sim-runner:latest");
  await page.getByText("Limits and placement").click();
  await page.getByRole("switch", { name: "Use the node's own network" }).click();
  await page.getByRole("button", { name: "Create runner" }).click();
}

/** Starts the first instance and sees it live, then its job done, in the wizard. */
async function seeFirstJobDone(page: Page, request: APIRequestContext, repository: string): Promise<void> {
  await expect(page.getByRole("heading", { name: "Start the first instance" })).toBeVisible();
  await page.getByRole("button", { name: "Start the instance" }).click();
  await expect(page.getByText("Your runner is live.")).toBeVisible({ timeout: 90_000 });
  await expect(page.getByLabel("runs-on snippet", { exact: true })).toContainText("runs-on: ");
  await sendSampleJob(request, 5, `first of ${repository}`, [], repository);
  // One job per instance: that it has gone with its job is how the success shows.
  await expect(page.getByText("The job is done.")).toBeVisible({ timeout: 90_000 });
  await expect(page.getByRole("button", { name: "Start another" })).toBeVisible();
  const url = new URL("/_sandbox/jobs", await sandboxUrl(request));
  const jobs = (await (await request.get(url.href)).json()) as SandboxJob[];
  const job = jobs.find((each) => each.spec.target === repository);
  expect(job?.status, JSON.stringify(job)).toBe("completed");
}

test("a node that can't be used says why and what helps, is put right, and a token of one's own leads to a first job", async ({
  page,
  request,
}) => {
  const who = personOf("Dorothy Vaughan", "dorothy@example.org");
  const api = await registered(request, who);
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(who.email);
  await page.getByLabel("Password").fill(who.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Name your organisation" })).toBeVisible();
  await page.getByLabel("Organisation", { exact: true }).fill("Computing");
  await page.getByRole("button", { name: "Create organisation" }).click();
  await expect(page.getByRole("heading", { name: "Where should runners run?" })).toBeVisible();

  await page.getByText("Another engine").click();
  await page.getByLabel("Name", { exact: true }).fill("mistyped");
  await page.getByLabel("Socket path").fill("/run/no-such-engine.sock");
  await page.getByRole("button", { name: "Add node" }).click();
  await expect(page.getByText("The engine can't be used yet.")).toBeVisible({ timeout: 60_000 });
  const failed = page.getByRole("listitem").filter({ has: page.getByLabel("failed") });
  await expect(failed.first()).toContainText("What helps");
  await expectGoodOnEverySize(page, "a failed check");
  // The machine's own engine was looked at and not taken, so that nothing of it is left.
  const { orgs } = await api.get<{ orgs: Named[] }>("/common/me");
  const nodes = async () => (await api.get<{ items: Named[] }>(`/org/${orgs[0]?.uid}/nodes`)).items;
  await expect.poll(async () => (await nodes()).map((node) => node.name)).toEqual(["mistyped"]);

  await page.getByRole("button", { name: "Change the node" }).click();
  await page.getByLabel("Socket path").fill("/var/run/docker.sock");
  await page.getByRole("button", { name: "Save and check" }).click();
  await expect(page.getByText("The engine is ready.")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Continue" }).click();

  // With a token of its own: the sandbox is a GitHub Enterprise Server like any other.
  const github = await sandboxUrl(request);
  await page.getByLabel("Name", { exact: true }).fill("of-our-own");
  await page.getByLabel("Personal access token").fill("sandbox");
  await page.getByText("GitHub Enterprise Server").click();
  await page.getByLabel("API address").fill(github);
  await page.getByLabel("Web address").fill(github);
  await page.getByRole("button", { name: "Add credential" }).click();
  await expect(page.getByRole("heading", { name: "What should a runner be?" })).toBeVisible();
  await expect(page.getByLabel("Credential", { exact: true }).locator("option:checked")).toHaveText(/of-our-own/);
  await createRunner(page, "by-pat", "computing/orbits");
  await seeFirstJobDone(page, request, "computing/orbits");
});

test("a registration token copied from GitHub leads to a first job", async ({ page, request }) => {
  const who = personOf("Mary Jackson", "mary@example.org");
  const api = await registered(request, who);
  await api.post("/org", { name: "Wind tunnels" });
  await signIn(page, who);
  await page.goto("/welcome?new=1");
  await page.getByLabel("Organisation", { exact: true }).fill("Aerodynamics");
  await page.getByRole("button", { name: "Create organisation" }).click();
  await page.getByRole("button", { name: "Use it" }).click({ timeout: 60_000 });

  await page.getByRole("button", { name: "Go on without a credential" }).click();
  await expect(page.getByRole("radio", { name: /With a registration token/ })).toBeChecked();
  const token = await registrationToken(request, "aero/tunnel");
  await page.getByLabel("Registration token", { exact: true }).fill(token);
  await createRunner(page, "by-token", "aero/tunnel");
  await seeFirstJobDone(page, request, "aero/tunnel");
  expect(await page.content()).not.toContain(token);

  // From one organisation of hers to the other and back, each with its own fleet.
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await expect(page.getByText("The fleet of Aerodynamics, as it is now.")).toBeVisible();
  await expect(page.getByRole("link", { name: "this-machine" })).toBeVisible();
  await page.getByRole("button", { name: "Organisation: Aerodynamics" }).click();
  await page.getByRole("menuitem", { name: "Wind tunnels" }).click();
  await expect(page.getByText("The fleet of Wind tunnels, as it is now.")).toBeVisible();
  await expect(page.getByText("No nodes yet")).toBeVisible();
  await expect(page.getByRole("link", { name: "this-machine" })).toHaveCount(0);
});

test("what can't be undone asks for the name, and is done then", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await api.post(`/org/${api.orgId}/nodes`, { name: "to-be-removed", type: "socket", socket_path: "/run/none.sock" });
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/nodes?q=to-be-removed`);
  const row = page.getByRole("row").filter({ hasText: "to-be-removed" });
  await row.getByRole("button", { name: "to-be-removed" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove node" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Remove the node to-be-removed?" });
  const remove = dialog.getByRole("button", { name: "Remove node" });
  await expect(remove).toBeDisabled();
  await dialog.getByRole("textbox").fill("to-be-remove");
  await expect(remove).toBeDisabled();
  await expectGoodOnEverySize(page, "typed confirmation");
  await dialog.getByRole("textbox").fill("to-be-removed");
  await remove.click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText("Nothing matches")).toBeVisible();
});

test("an instance that takes one job goes with it", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  const { runner } = await firstRunner(api);
  const recipe = await api.get<Record<string, unknown>>(`/org/${api.orgId}/runners/${runner.uid}`);
  const once = await api.post<Named>(`/org/${api.orgId}/runners`, {
    name: "once",
    github_repo: recipe.github_repo,
    credential_id: recipe.credential_id,
    docker_image: recipe.docker_image,
    resources: recipe.resources,
    labels: ["once"],
    ephemeral: true,
  });
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/runners/${once.uid}`);
  await expect(page.getByRole("heading", { name: "once" })).toBeVisible();
  await page.getByRole("button", { name: "New instance" }).first().click();
  const rows = page.getByRole("table", { name: "Instances" }).locator("tbody [data-status]");
  await expect(rows.and(page.locator('[data-status="Idle"]'))).toBeVisible({ timeout: 90_000 });
  await sendSampleJob(request, 20, "only-one", ["once"]);
  await expect(rows.and(page.locator('[data-status="Active"]'))).toBeVisible({ timeout: 60_000 });
  await expect(rows.and(page.locator('[data-status="Active"]'))).toHaveCount(0, { timeout: 90_000 });
  await expect(rows.and(page.locator('[data-status="Idle"]'))).toHaveCount(0);
  await expect(page.getByText("No instances at the moment")).toBeVisible({ timeout: 90_000 });
});
