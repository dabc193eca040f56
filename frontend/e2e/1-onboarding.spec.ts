import { expect, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { ADA, tabTo, watch } from "./support";

test("a newcomer gets from an empty system to a first job by keyboard alone", async ({ page, baseURL }) => {
  test.setTimeout(360_000);
  const seen = watch(page, baseURL ?? "");
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
  await expectGoodOnEverySize(page, "organisation");
  await tabTo(page, password);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(ADA.password);
  await key("Enter");

  // This machine's engine is offered once it has answered, with its checks.
  const useIt = page.getByRole("button", { name: "Use it" });
  await expect(useIt).toBeVisible();
  await expect(page.getByLabel("passed").first()).toBeVisible();
  await expect(page.getByLabel("failed")).toHaveCount(0);
  await expectGoodOnEverySize(page, "node");
  await tabTo(page, useIt);
  await key("Enter");

  // GitHub: the sandbox.
  const useSandbox = page.getByRole("button", { name: "Use the sandbox" });
  await expect(useSandbox).toBeVisible();
  await expectGoodOnEverySize(page, "GitHub");
  await tabTo(page, useSandbox);
  await key("Enter");

  // The runner: what the wizard proposes fits the sandbox.
  const createRunner = page.getByRole("button", { name: "Create runner" });
  await expect(createRunner).toBeVisible();
  await expectGoodOnEverySize(page, "runner");
  await tabTo(page, createRunner);
  await key("Enter");

  // The first instance goes live.
  const startInstance = page.getByRole("button", { name: "Start the instance" });
  await expect(startInstance).toBeVisible();
  await expectGoodOnEverySize(page, "first instance");
  await tabTo(page, startInstance);
  await key("Enter");
  await expect(page.getByText("Your runner is live.")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByLabel("runs-on snippet", { exact: true })).toContainText("runs-on: [self-hosted, linux]");
  await expectGoodOnEverySize(page, "live");

  // Its first job, seen from waiting to done without a reload.
  await tabTo(page, page.getByRole("button", { name: "Run a sample job" }));
  await key("Enter");
  await expect(page.locator('[data-status="Active"]').first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("The job is done.")).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('[data-status="Idle"]').first()).toBeVisible();

  await tabTo(page, page.getByRole("link", { name: "Go to the overview" }));
  await key("Enter");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await expect(page.locator('[data-connection="live"]')).toBeVisible();
  expect(seen).toEqual({ foreign: [], broken: [] });
});
