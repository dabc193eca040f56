import { expect, type Page, test } from "@playwright/test";
import { expectGoodOnEverySize } from "./accessibility";
import { SocketDoor, TlsDoor } from "./doors";
import { letStatusExpire } from "./redis";
import { ADA, apiOf, likeTheFirst, type Named, personOf, registered, signIn } from "./support";

/** The row of a table, and the status in it. */
const rowOf = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });
const statusIn = (page: Page, name: string, word: string) => rowOf(page, name).locator(`[data-status="${word}"]`);

test("a node goes away with what lives on it, comes back by itself, is drained and used again", async ({
  page,
  request,
}) => {
  const api = await apiOf(request, ADA);
  const org = `/org/${api.orgId}`;
  const door = await SocketDoor.opened();
  const name = "behind-a-door";
  const node = await api.post<Named>(`${org}/nodes`, { name, type: "socket", socket_path: door.path });
  const runner = await likeTheFirst(api, { name: "on-that-node", github_repo: "acme/door" });
  try {
    await signIn(page, ADA);
    await page.goto(`/o/${api.orgId}/nodes`);
    await expect(statusIn(page, name, "Ready")).toBeVisible({ timeout: 60_000 });
    const instances = `${org}/runners/${runner.uid}/instance`;
    const instance = await api.post<Named>(instances, { node_id: node.uid });
    const list = await page.context().newPage();
    await list.goto(`/o/${api.orgId}/instances?q=${instance.name}`);
    await expect(statusIn(list, instance.name, "Idle")).toBeVisible({ timeout: 90_000 });

    // Nobody asks for a check: the next one of those that are made all the time finds it out.
    await door.stop();
    await expect(statusIn(page, name, "Unreachable")).toBeVisible({ timeout: 60_000 });
    await letStatusExpire(instance.uid);
    // A status that ends is told by nobody, and asked for every half minute.
    await list.reload();
    await expect(statusIn(list, instance.name, "Offline")).toBeVisible({ timeout: 60_000 });
    await statusIn(list, instance.name, "Offline").hover();
    await expect(list.getByRole("tooltip")).toContainText("not heard of for five minutes");
    // On the overview it stands before those that are well, and leads to the reason.
    await page.getByRole("link", { name: "Overview" }).click();
    const headroom = page.getByRole("list").filter({ has: page.getByRole("link", { name: "this-machine" }) });
    const unwell = headroom.getByRole("listitem").filter({ hasText: name });
    await expect(unwell.locator('[data-status="Unreachable"]')).toBeVisible();
    const order = await headroom.getByRole("listitem").allTextContents();
    const place = (of: string) => order.findIndex((text) => text.startsWith(of));
    expect(place(name), order.join()).toBeLessThan(place("this-machine"));
    await headroom.getByRole("link", { name }).click();
    await expect(page.getByText("What helps")).toBeVisible();

    await door.start();
    const panel = page.getByRole("dialog");
    await expect(panel.locator('[data-status="Ready"]')).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText("What helps")).toHaveCount(0);
    await expect(statusIn(list, instance.name, "Idle")).toBeVisible({ timeout: 60_000 });

    // What is on it leaves, nothing new comes, until it is wanted again.
    await panel.getByRole("button", { name: "Drain" }).click();
    const dialog = page.getByRole("alertdialog", { name: `Drain the node ${name}?` });
    await dialog.getByRole("button", { name: "Drain" }).click();
    await expect(dialog).toHaveCount(0);
    await expect(panel.getByText("Takes no new instances.")).toBeVisible();
    await expect(rowOf(list, instance.name)).toHaveCount(0, { timeout: 90_000 });
    await expect(panel.getByText("0 of 10")).toBeVisible();
    const refused = await request.post(instances, { data: { node_id: node.uid }, headers: api.headers });
    expect(refused.ok(), await refused.text()).toBe(false);
    await panel.getByRole("button", { name: "Resume" }).click();
    await expect(panel.getByText("Takes no new instances.")).toHaveCount(0);
    await expect(panel.getByRole("button", { name: "Drain" })).toBeVisible();
  } finally {
    // Not to be complained of: it would hide what failed before.
    for (const path of [`runners/${runner.uid}`, `nodes/${node.uid}`]) {
      await request.delete(`${org}/${path}`, { headers: api.headers });
    }
    await door.remove();
  }
});

test("an engine behind TLS is set up with its three files, and wrong ones are told from right ones", async ({
  page,
  request,
}) => {
  const who = personOf("Karen Spärck Jones", "karen@example.org");
  const api = await registered(request, who);
  const { uid: org } = await api.post<{ uid: string }>("/org", { name: "Retrieval" });
  const [door, another] = await Promise.all([TlsDoor.opened(), TlsDoor.opened()]);
  try {
    await signIn(page, who);
    await page.goto(`/welcome?org=${org}`);
    await page.getByText("Another engine").click();
    await page.getByRole("radio", { name: /^Remote, over TLS/ }).click();
    await page.getByLabel("Name", { exact: true }).fill("far-away");
    await page.getByLabel("Address", { exact: true }).fill("127.0.0.1");
    await page.getByLabel("Port").fill(String(door.port));
    await page.getByLabel("File with the CA certificate").setInputFiles(door.files.ca);
    await page.getByLabel("File with the client certificate").setInputFiles(door.files.cert);
    await page.getByRole("button", { name: "Add node" }).click();
    // One is missing, which is said at that field.
    const key = page.getByLabel("Client key", { exact: true });
    await expect(key).toHaveAttribute("aria-invalid", "true");

    // Those of another engine: it is not let in, which the check says.
    for (const [label, file] of [
      ["File with the client certificate", another.files.cert],
      ["File with the client key", another.files.key],
    ] as const) {
      await page.getByLabel(label).setInputFiles(file);
    }
    await expect(key).toHaveValue(/^-----BEGIN PRIVATE KEY-----/);
    await expect(key).not.toHaveAttribute("aria-invalid", "true");
    await page.getByRole("button", { name: "Add node" }).click();
    await expect(page.getByText("The engine can't be used yet.")).toBeVisible({ timeout: 60_000 });
    await expect(page.getByLabel("failed").first()).toBeVisible();
    await expect(page.getByText("What helps").first()).toBeVisible();

    await page.getByRole("button", { name: "Change the node" }).click();
    await expect(page.getByText("Certificates are stored.")).toBeVisible();
    await expect(key).toHaveValue("");
    await page.getByLabel("File with the CA certificate").setInputFiles(door.files.ca);
    await page.getByLabel("File with the client certificate").setInputFiles(door.files.cert);
    await page.getByLabel("File with the client key").setInputFiles(door.files.key);
    await page.getByRole("button", { name: "Save and check" }).click();
    await expect(page.getByText("The engine is ready.")).toBeVisible({ timeout: 60_000 });
    await expect(page.getByLabel("passed").first()).toBeVisible();
    await expect(page.getByLabel("failed")).toHaveCount(0);
    await expectGoodOnEverySize(page, "the checks of a remote engine");
    await page.getByRole("button", { name: "Continue" }).click();
    await expect(page.getByRole("heading", { name: "How do runners register at GitHub?" })).toBeVisible();
    const { items } = await api.get<{ items: Named[] }>(`/org/${org}/nodes?q=far-away`);
    await api.delete(`/org/${org}/nodes/${items[0]?.uid}`);
  } finally {
    await Promise.all([door.remove(), another.remove()]);
  }
});
