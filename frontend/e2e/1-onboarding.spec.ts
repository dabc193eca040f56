import { expect, test } from "@playwright/test";
import { ADA, sendSampleJob, tabTo } from "./support";

test("a newcomer gets from an empty system to a first job by keyboard alone", async ({ page, request }) => {
  const key = (name: string) => page.keyboard.press(name);
  await page.goto("/");
  await page.waitForURL(/\/welcome/);

  // The first account and its organisation; the server's own words stand at the field it refuses.
  await tabTo(page, page.getByLabel("Full name"));
  await page.keyboard.type(ADA.full_name);
  await key("Tab");
  await page.keyboard.type(ADA.email);
  await key("Tab");
  await page.keyboard.type("short");
  await key("Tab");
  await page.keyboard.type(ADA.org_name);
  await key("Enter");
  const password = page.getByLabel("Password");
  await expect(password).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("alert")).toContainText("at least 8 characters");
  await tabTo(page, password);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(ADA.password);
  await key("Enter");

  // The node, with its checks.
  await tabTo(page, page.getByRole("button", { name: "Use it" }));
  await key("Enter");
  await expect(page.getByText("The engine is ready.")).toBeVisible({ timeout: 30_000 });
  await tabTo(page, page.getByRole("button", { name: "Continue" }));
  await key("Enter");

  // GitHub: the sandbox.
  await tabTo(page, page.getByRole("button", { name: "Use the sandbox" }));
  await key("Enter");

  // The runner: what the wizard proposes fits the sandbox.
  await tabTo(page, page.getByRole("button", { name: "Create runner" }));
  await key("Enter");

  // The first instance goes live.
  await tabTo(page, page.getByRole("button", { name: "Start the instance" }));
  await key("Enter");
  await expect(page.getByText("Your runner is live.")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByLabel("runs-on snippet", { exact: true })).toContainText("runs-on: [self-hosted, linux]");

  // Its first job, seen without a reload.
  await sendSampleJob(request, 15);
  await expect(page.locator('[data-status="Active"]')).toBeVisible({ timeout: 30_000 });

  await tabTo(page, page.getByRole("link", { name: "Go to the overview" }));
  await key("Enter");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await expect(page.locator('[data-connection="live"]')).toBeVisible();
});
