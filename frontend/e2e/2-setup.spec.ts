import { expect, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { ADA, apiOf, firstRunner, type Named, personOf, registered, sendSampleJob, signIn } from "./support";

test("a node that can't be used says why and what helps, and is put right", async ({ page, request }) => {
  const who = personOf("Dorothy Vaughan", "dorothy@example.org");
  await registered(request, who);
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

  await page.getByRole("button", { name: "Change the node" }).click();
  await page.getByLabel("Socket path").fill("/var/run/docker.sock");
  await page.getByRole("button", { name: "Save and check" }).click();
  await expect(page.getByText("The engine is ready.")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Continue" }).click();

  // With a token of its own: the sandbox is a GitHub Enterprise Server like any other.
  const { sandbox_github_url: github } = (await (await request.get("/common/config")).json()) as {
    sandbox_github_url: string;
  };
  await page.getByLabel("Name", { exact: true }).fill("of-our-own");
  await page.getByLabel("Personal access token").fill("sandbox");
  await page.getByText("GitHub Enterprise Server").click();
  await page.getByLabel("API address").fill(github);
  await page.getByLabel("Web address").fill(github);
  await page.getByRole("button", { name: "Add credential" }).click();
  await expect(page.getByRole("heading", { name: "What should a runner be?" })).toBeVisible();
  await expect(page.getByLabel("Credential", { exact: true }).locator("option:checked")).toHaveText(/of-our-own/);

  // The other way: no credential, but a token that comes with the runner.
  await page.goBack();
  await page.getByRole("button", { name: "Go on without a credential" }).click();
  await expect(page.getByRole("radio", { name: /With a registration token/ })).toBeChecked();
  await page.getByLabel("Name", { exact: true }).fill("by-token");
  await page.getByLabel("Repository", { exact: true }).fill("acme/web");
  await page.getByLabel("Registration token", { exact: true }).fill("AN-HOUR-LONG-TOKEN");
  await page.getByLabel(/^Image/).fill("runner-pilot/sim-runner:latest");
  await page.getByRole("button", { name: "Create runner" }).click();
  await expect(page.getByRole("heading", { name: "Start the first instance" })).toBeVisible();
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
  await expect(page.getByText("No instances yet")).toBeVisible({ timeout: 90_000 });
});
