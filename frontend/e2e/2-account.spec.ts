import { expect, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { ADA, apiOf, personOf, registered, signIn } from "./support";

const isDark = (page: Page) => page.evaluate(() => document.documentElement.classList.contains("dark"));

test("an invitation leads to a membership", async ({ page, request, browser }) => {
  const api = await apiOf(request, ADA);
  const guest = personOf("Katherine Johnson", "katherine@example.org");
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/members`);
  await page.getByRole("button", { name: "Add member" }).click();
  await page.getByRole("dialog").getByLabel("E-mail address").fill(guest.email);
  await page.getByRole("dialog").getByRole("button", { name: "Add member" }).click();
  const dialog = page.getByRole("dialog", { name: "Pass this on" });
  const link = new URL((await dialog.getByLabel("invitation link", { exact: true }).textContent()) ?? "");
  await expectGoodOnEverySize(page, "an invitation");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("cell", { name: guest.email, exact: true })).toBeVisible();

  const context = await browser.newContext();
  const theirs = await context.newPage();
  await theirs.goto(`${link.pathname}${link.search}`);
  await theirs.getByLabel("Full name").fill(guest.full_name);
  await theirs.getByLabel("E-mail address").fill(guest.email);
  await theirs.getByLabel("Password").fill(guest.password);
  await theirs.getByRole("button", { name: "Create account" }).click();
  await theirs.waitForURL(new RegExp(`/o/${api.orgId}`));
  await expect(theirs.getByRole("heading", { name: "Overview" })).toBeVisible();
  await context.close();

  await page.reload();
  const row = page.getByRole("row").filter({ hasText: guest.full_name });
  await expect(row).toContainText("read only");
  await row.getByRole("button", { name: "Remove member" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove member" }).click();
  await expect(row).toHaveCount(0);
});

test("a name and a password are changed, and the old password opens nothing any more", async ({
  page,
  request,
  context,
}) => {
  const who = personOf("Annie Easley", "annie@example.org");
  const api = await registered(request, who);
  const { uid } = await api.post<{ uid: string }>("/org", { name: "Annie's" });
  await signIn(page, who);
  await page.goto(`/o/${uid}/profile`);
  await page.getByLabel("Full name").fill("Annie J. Easley");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("Your profile was saved.")).toBeVisible();

  const change = async (current: string, next: string) => {
    await page.getByLabel("Current password").fill(current);
    await page.getByLabel("New password").fill(next);
    await page.getByRole("button", { name: "Change password" }).click();
  };
  const next = "another sentence for annie";
  await change("not the password", next);
  await expect(page.getByLabel("Current password")).toHaveAttribute("aria-invalid", "true");
  await change(who.password, next);
  await expect(page.getByText("Your password was changed.")).toBeVisible();

  const old = await request.post("/auth/login", { data: { email: who.email, password: who.password } });
  expect(old.status()).toBe(401);
  await context.clearCookies();
  await signIn(page, { email: who.email, password: next });
  await page.goto(`/o/${uid}/profile`);
  await expect(page.getByLabel("Full name")).toHaveValue("Annie J. Easley");
});

test("a chosen theme stays, whatever the system prefers", async ({ page, request }) => {
  const api = await apiOf(request, ADA);
  await page.emulateMedia({ colorScheme: "light" });
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/profile`);
  await page.getByRole("radio", { name: "Dark" }).click();
  await expect.poll(() => isDark(page)).toBe(true);
  await page.reload();
  await expect(page.getByRole("radio", { name: "Dark" })).toBeChecked();
  expect(await isDark(page)).toBe(true);
  await page.getByRole("radio", { name: "System" }).click();
  await expect.poll(() => isDark(page)).toBe(false);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => isDark(page)).toBe(true);
});

test("an access token that ends is renewed unseen, and a session that ends leads back after the sign-in", async ({
  page,
  request,
  context,
}) => {
  const api = await apiOf(request, ADA);
  await signIn(page, ADA);
  await page.goto(`/o/${api.orgId}/nodes`);
  const list = page.getByRole("table", { name: "Nodes" });
  await expect(list.getByRole("row").filter({ hasText: "this-machine" })).toBeVisible();

  // From here on the server knows no token that was given before: each is refused until a new one comes.
  let isOld = true;
  let refused = 0;
  let renewals = 0;
  await page.route(/\/org\/[^/?]+\/(members|credentials)(\?|$)/, async (route) => {
    if (!isOld) return route.continue();
    refused += 1;
    return route.fulfill({ status: 401, contentType: "application/problem+json", body: '{"status":401}' });
  });
  await page.route("**/auth/refresh", async (route) => {
    renewals += 1;
    isOld = false;
    await route.continue();
  });
  await page.getByRole("link", { name: "Members" }).click();
  await expect(page.getByRole("table", { name: "Members" }).getByText(ADA.email)).toBeVisible();
  expect(refused).toBeGreaterThan(0);
  expect(renewals).toBe(1);

  // Now the session has ended too.
  isOld = true;
  await context.clearCookies();
  await page.unroute("**/auth/refresh");
  await page.getByRole("link", { name: "GitHub credentials" }).click();
  await page.waitForURL(/\/sign-in\?return_to=/);
  isOld = false;
  await page.getByLabel("E-mail address").fill(ADA.email);
  await page.getByLabel("Password").fill(ADA.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`**/o/${api.orgId}/credentials`);
  await expect(page.getByRole("heading", { name: "GitHub credentials" })).toBeVisible();
});
