import { expect, type Page, test } from "@playwright/test";
import { ADA, personOf, registered, signIn } from "./support";

/* What an admin changes about people and the organisation is what others see at once. An organisation of its own. */

const BARBARA = personOf("Barbara Liskov", "barbara@example.org");
const RADIA = personOf("Radia Perlman", "radia@example.org");

/** Changes what Radia may do, as the admin's page offers it, and waits until the list says so. */
async function setPermission(page: Page, what: string, wanted: boolean, summary: string): Promise<void> {
  const row = page.getByRole("row").filter({ hasText: RADIA.email });
  await row.getByRole("button", { name: /^Change role and permissions/ }).click();
  const form = page.getByRole("dialog");
  const box = form.locator("label").filter({ hasText: what }).getByRole("checkbox");
  if (wanted) await expect(box).not.toBeChecked();
  else await expect(box).toBeChecked();
  await box.click();
  await form.getByRole("button", { name: "Save changes" }).click();
  await expect(form).toHaveCount(0);
  await expect(row).toContainText(summary);
}

test("what is granted, taken back or renamed reaches an open page of somebody else", async ({
  page,
  request,
  browser,
}) => {
  await registered(request, RADIA);
  const api = await registered(request, BARBARA);
  const { uid: org } = await api.post<{ uid: string }>("/org", { name: "Data abstraction" });
  await api.post(`/org/${org}/members`, { email: RADIA.email, role: "member", permissions: {} });

  const elsewhere = await browser.newContext();
  const hers = await elsewhere.newPage();
  await signIn(hers, RADIA);
  await hers.goto(`/o/${org}/runners`);
  await expect(hers.locator('[data-connection="live"]')).toBeVisible();
  const create = hers.getByRole("button", { name: "Create runner" }).first();
  await expect(create).toHaveAttribute("aria-disabled", "true");
  let loads = 0;
  hers.on("load", () => {
    loads += 1;
  });

  await signIn(page, BARBARA);
  await page.goto(`/o/${org}/members`);
  await setPermission(page, "Create and clone runners.", true, "1 permission");
  await expect(create).not.toHaveAttribute("aria-disabled", "true");
  await create.click();
  const form = hers.getByRole("dialog", { name: "Create runner" });
  await expect(form.getByLabel("Repository", { exact: true })).toBeVisible();
  await hers.keyboard.press("Escape");
  await expect(form).toHaveCount(0);
  await setPermission(page, "Create and clone runners.", false, "read only");
  await expect(create).toHaveAttribute("aria-disabled", "true");

  // The organisation's new name, in both, also where it is one of several.
  await page.getByRole("link", { name: "Settings" }).click();
  const name = page.getByLabel("Name", { exact: true });
  await name.fill(ADA.org_name);
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("Is already taken.")).toBeVisible();
  await expect(name).toHaveAttribute("aria-invalid", "true");
  await name.fill("Substitution");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("The settings were saved.")).toBeVisible();
  for (const each of [page, hers]) {
    const switcher = each.getByRole("button", { name: "Organisation: Substitution" });
    await expect(switcher).toBeVisible();
    await switcher.click();
    await expect(each.getByRole("menuitem", { name: "Substitution" })).toBeVisible();
    await each.keyboard.press("Escape");
  }

  // Whoever becomes an admin sees what admins see.
  await page.getByRole("link", { name: "Members" }).click();
  const row = page.getByRole("row").filter({ hasText: RADIA.email });
  await row.getByRole("button", { name: /^Change role and permissions/ }).click();
  await page
    .getByRole("dialog")
    .getByRole("radio", { name: /^Admin/ })
    .click();
  await page.getByRole("dialog").getByRole("button", { name: "Save changes" }).click();
  await expect(row).toContainText("everything");
  await expect(create).not.toHaveAttribute("aria-disabled", "true");
  expect(loads).toBe(0);
  await elsewhere.close();
});
