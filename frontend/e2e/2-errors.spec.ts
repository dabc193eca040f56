import { expect, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { ADA, apiOf, personOf, registered, signIn } from "./support";

/* What the page shows where there is nothing else to show, each with a way on. */

const NODES = /\/org\/[^/?]+\/nodes(\?|$)/;

/** Where a page that breaks stands: the navigation beside it still leads elsewhere. */
async function expectWayOut(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Members" }).click();
  await expect(page.getByRole("heading", { name: "Members" })).toBeVisible();
}

test("a server that does not answer at the start is said to be away, and the page goes on once it does", async ({
  page,
  request,
}) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await page.route("**/auth/refresh", (route) => route.abort());
  await page.goto(`/o/${api.orgId}/nodes`);
  const alert = page.getByRole("alert").filter({ hasText: "The server does not answer" });
  await expect(alert).toBeVisible();
  await expect(alert.getByRole("button", { name: "Try again" })).toBeVisible();
  await expectGoodOnEverySize(page, "a server that is away at the start");
  await page.unroute("**/auth/refresh");
  await expect(page.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();
  await expect(alert).toHaveCount(0);
});

test("a part of the page that is gone, as after an update, is said to be that", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  // Only what the list of nodes alone needs: the rest was loaded before.
  const parts = /\/assets\/[^/]+\.js$/;
  let isGone = true;
  await page.route(parts, (route) => (isGone ? route.fulfill({ status: 404 }) : route.continue()));
  await page.getByRole("link", { name: "Nodes", exact: true }).click();
  await expect(page.getByText("Runner Pilot was updated while this page was open.")).toBeVisible();
  await expectGoodOnEverySize(page, "an old page");
  isGone = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.waitForURL(`**/o/${api.orgId}/nodes`);
  await expect(page.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();
});

test("a page that breaks says so, and leaves the navigation standing", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  // An answer that no server of ours gives.
  await page.route(NODES, (route) => route.fulfill({ json: { items: [null], total: 1, limit: 50, offset: 0 } }));
  await page.goto(`/o/${api.orgId}/nodes`);
  await expect(page.getByText("Something in this page broke.")).toBeVisible();
  await expectGoodOnEverySize(page, "a page that broke");
  await expectWayOut(page);
});

test("a session that is renewed and yet refused leads to the sign-in, and from there back", async ({
  page,
  request,
}) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  const problem = { status: 401, code: "unauthorized", title: "Unauthorized", detail: "The token is not known." };
  let renewals = 0;
  await page.route(NODES, (route) =>
    route.fulfill({ status: 401, contentType: "application/problem+json", body: JSON.stringify(problem) }),
  );
  await page.route("**/auth/refresh", (route) => {
    renewals += 1;
    return route.continue();
  });
  await page.getByRole("link", { name: "Nodes", exact: true }).click();
  await expect(page.getByText("You are not signed in")).toBeVisible();
  expect(renewals).toBeGreaterThan(0);
  await expectGoodOnEverySize(page, "a session that is refused");
  await page.getByRole("button", { name: "Sign in again" }).click();
  await page.waitForURL(/\/sign-in\?return_to=/);
  await page.unroute(NODES);
  await page.getByLabel("E-mail address").fill(ADA.email);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`**/o/${api.orgId}/nodes`);
  await expect(page.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();
});

test("an invitation that somebody signed in opens asks who is to accept it", async ({ page, request }) => {
  // Signing out ends a person's access tokens everywhere, so it is nobody whom another test needs.
  const guest = personOf("Christine Darden", "christine@example.org");
  await registered(request, guest);
  const api = await apiOf(request, ADA);
  await api.post(`/org/${api.orgId}/members`, { email: guest.email, role: "member", permissions: {} });
  await signIn(page, guest);
  await page.goto("/register?invitation=for-somebody-else");
  await expect(page.getByRole("heading", { name: "You are invited" })).toBeVisible();
  await expect(page.getByText(`You are signed in as ${guest.email}`)).toBeVisible();
  await expectGoodOnEverySize(page, "an invitation for somebody else");
  await page.getByRole("link", { name: "Stay signed in" }).click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.goBack();
  await page.getByRole("button", { name: "Sign out to accept" }).click();
  await expect(page.getByRole("heading", { name: "Create an account" })).toBeVisible();
  await expect(page.getByLabel("Invitation code")).toHaveValue("for-somebody-else");
});
