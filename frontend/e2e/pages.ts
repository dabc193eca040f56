import { randomUUID } from "node:crypto";
import { type Browser, type Page, test as plain } from "@playwright/test";
import { ADA, apiOf, firstRunner, type Named, personOf, registered, signIn, watch } from "./support";

/** What the onboarding made, by which the addresses of pages are known. */
export type Story = { org: string; runner: Named; instance: Named; node: Named };

type Words = string | RegExp | ((story: Story) => string);

export type View = {
  name: string;
  path: (story: Story) => string;
  heading: Words;
  /** What must stand there. */
  says?: string;
  /** What is pressed there, one after the other, before it is looked at. */
  press?: [role: "button" | "radio" | "checkbox", name: string | RegExp][];
  /** Keys that are pressed there after that. */
  keys?: string[];
  /** The heading of what then opens, a label in it, or an entry of a menu. */
  opens?: Words;
  /** Where only one size has it. */
  only?: "desktop" | "phone";
};

const instancePath = ({ org, runner, instance }: Story) => `${org}/runners/${runner.uid}/instances/${instance.uid}`;

export const OUTSIDE: View[] = [
  { name: "sign in", path: () => "/sign-in", heading: "Sign in" },
  { name: "register", path: () => "/register", heading: "Create an account" },
];

export const INSIDE: View[] = [
  { name: "overview", path: ({ org }) => org, heading: "Overview" },
  { name: "runners", path: ({ org }) => `${org}/runners`, heading: "Runners" },
  { name: "runner form", path: ({ org }) => `${org}/runners?create=1`, heading: "Create runner" },
  {
    name: "runner",
    path: ({ org, runner }) => `${org}/runners/${runner.uid}`,
    heading: ({ runner }) => runner.name,
  },
  { name: "instances", path: ({ org }) => `${org}/instances`, heading: "Instances" },
  { name: "instance", path: instancePath, heading: ({ instance }) => instance.name },
  ...["timeline", "logs", "inspect"].map((tab) => ({
    name: `instance, ${tab}`,
    path: (story: Story) => `${instancePath(story)}?tab=${tab}`,
    heading: ({ instance }: Story) => instance.name,
  })),
  { name: "nodes", path: ({ org }) => `${org}/nodes`, heading: "Nodes" },
  { name: "node", path: ({ org, node }) => `${org}/nodes?node=${node.uid}`, heading: ({ node }) => node.name },
  { name: "node form", path: ({ org }) => `${org}/nodes?create=1`, heading: "Add node" },
  { name: "credentials", path: ({ org }) => `${org}/credentials`, heading: "GitHub credentials" },
  { name: "members", path: ({ org }) => `${org}/members`, heading: "Members" },
  { name: "audit log", path: ({ org }) => `${org}/audit`, heading: "Audit log" },
  { name: "settings", path: ({ org }) => `${org}/settings`, heading: "Settings" },
  { name: "profile", path: ({ org }) => `${org}/profile`, heading: "Profile" },
  { name: "no such page", path: ({ org }) => `${org}/no-such-page`, heading: "There is nothing here" },
  {
    name: "no such organisation",
    path: () => "/o/01890a5d-ac96-774b-bcce-b302099a8057",
    heading: "There is nothing here",
  },
  { name: "another organisation", path: () => "/welcome?new=1", heading: "Name your organisation" },
  { name: "profile outside of an organisation", path: () => "/profile", heading: "Profile" },
  { name: "no such page at all", path: () => "/no-such-page", heading: "There is nothing here" },
];

/** What opens on a page: forms, and what asks before something is done. */
export const OPENED: View[] = [
  ...(
    [
      ["change a runner", "Change runner", "Change runner"],
      ["clone a runner", "Clone", ({ runner }) => `Clone ${runner.name}`],
      ["delete a runner", "Delete runner", ({ runner }) => `Delete the runner ${runner.name}?`],
    ] as const satisfies [string, string, Words][]
  ).map(
    ([name, button, opens]): View => ({
      name,
      path: ({ org, runner }) => `${org}/runners/${runner.uid}`,
      heading: ({ runner }) => runner.name,
      press: [["button", button]],
      opens,
    }),
  ),
  {
    name: "change a node",
    path: ({ org, node }) => `${org}/nodes?node=${node.uid}`,
    heading: ({ node }) => node.name,
    press: [["button", "Change node"]],
    opens: "Socket path",
  },
  {
    name: "a node far away",
    path: ({ org }) => `${org}/nodes?create=1`,
    heading: "Add node",
    press: [["radio", /^Remote, over TLS/]],
    opens: "Client certificate",
  },
  {
    name: "check many nodes",
    path: ({ org }) => `${org}/nodes?q=this-machine`,
    heading: "Nodes",
    press: [
      ["checkbox", "Select all on this page"],
      ["button", "Check now"],
    ],
    opens: "Check 1 node?",
  },
  {
    name: "add a credential",
    path: ({ org }) => `${org}/credentials`,
    heading: "GitHub credentials",
    press: [["button", "Add credential"]],
    opens: "Personal access token",
  },
  {
    name: "change a credential",
    path: ({ org }) => `${org}/credentials`,
    heading: "GitHub credentials",
    press: [["button", /^Change credential/]],
    opens: "Personal access token",
  },
  {
    name: "add a member",
    path: ({ org }) => `${org}/members`,
    heading: "Members",
    press: [["button", "Add member"]],
    opens: "E-mail address",
  },
  {
    name: "change a member",
    path: ({ org }) => `${org}/members?q=${encodeURIComponent(ADA.email)}`,
    heading: "Members",
    press: [
      ["button", /^Change role and permissions: Ada/],
      ["radio", /^Member/],
    ],
    opens: "Permissions",
  },
  { name: "palette", path: ({ org }) => org, heading: "Overview", keys: ["ControlOrMeta+k"], opens: "Pages" },
  { name: "shortcuts", path: ({ org }) => org, heading: "Overview", keys: ["?"], opens: "Keyboard shortcuts" },
  {
    name: "menu of the account",
    path: ({ org }) => org,
    heading: "Overview",
    press: [["button", "Your account"]],
    opens: "Sign out",
  },
  {
    name: "menu of organisations",
    path: ({ org }) => org,
    heading: "Overview",
    press: [["button", /^Organisation: /]],
    opens: "New organisation",
    only: "desktop",
  },
  {
    name: "menu of columns",
    path: ({ org }) => `${org}/nodes`,
    heading: "Nodes",
    press: [["button", "Columns"]],
    opens: "Host CPU",
  },
  {
    name: "menu of an instance",
    path: ({ org, instance }) => `${org}/instances?q=${instance.name}`,
    heading: "Instances",
    press: [["button", /^Actions for/]],
    opens: "Restart",
  },
  {
    name: "menu",
    path: ({ org }) => org,
    heading: "Overview",
    press: [["button", "Open the menu"]],
    opens: "Runner Pilot",
    only: "phone",
  },
];

/** Lists with nothing in them yet: an organisation as it is at first. */
export const EMPTY: View[] = [
  { name: "empty overview", path: ({ org }) => org, heading: "Overview" },
  { name: "no runners", path: ({ org }) => `${org}/runners`, heading: "Runners", says: "No runners yet" },
  {
    name: "no instances",
    path: ({ org }) => `${org}/instances`,
    heading: "Instances",
    says: "No instances at the moment",
  },
  { name: "no nodes", path: ({ org }) => `${org}/nodes`, heading: "Nodes", says: "No nodes yet" },
  {
    name: "no credentials",
    path: ({ org }) => `${org}/credentials`,
    heading: "GitHub credentials",
    says: "No credentials yet",
  },
];

/** A window that stays open from page to page, with what went wrong in it since it was last asked. */
export type Tab = { page: Page; troubles: () => { foreign: string[]; broken: string[] } };

type OfWorker = { story: Story; stranger: Tab; ada: Tab; founder: Tab & { story: Story } };

/**
 * Signing in, and what is looked at, are the same for every page: each worker does it once, in the size of its
 * project. A test that fails gets the next one a new worker, and with it a new window.
 */
export const test = plain.extend<object, OfWorker>({
  story: [
    async ({ playwright }, use, { project }) => {
      const request = await playwright.request.newContext({ baseURL: project.use.baseURL ?? "" });
      const api = await apiOf(request, ADA);
      const { items } = await api.get<{ items: Named[] }>(`/org/${api.orgId}/nodes?q=this-machine`);
      if (!items[0]) throw new Error("the onboarding made no node");
      await use({ org: `/o/${api.orgId}`, ...(await firstRunner(api)), node: items[0] });
      await request.dispose();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  stranger: [
    async ({ browser }, use, { project }) => {
      const tab = await open(browser, project.use);
      await use(tab);
      await tab.page.context().close();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  /** Somebody whose organisation is still empty. */
  founder: [
    async ({ playwright, browser, story }, use, { project, workerIndex }) => {
      const request = await playwright.request.newContext({ baseURL: project.use.baseURL ?? "" });
      const who = personOf("Mary Founder", `mary-${randomUUID()}@example.org`);
      const api = await registered(request, who);
      const { uid } = await api.post<Named>("/org", { name: `Empty ${workerIndex}` });
      await request.dispose();
      const tab = await open(browser, project.use);
      await signIn(tab.page, who);
      await use({ ...tab, story: { ...story, org: `/o/${uid}` } });
      await tab.page.context().close();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  ada: [
    async ({ browser }, use, { project }) => {
      const tab = await open(browser, project.use);
      await signIn(tab.page, ADA);
      await use(tab);
      await tab.page.context().close();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});

type Options = Parameters<Browser["newContext"]>[0] & { baseURL?: string };

async function open(browser: Browser, { baseURL = "", viewport }: Options): Promise<Tab> {
  const context = await browser.newContext({ baseURL, viewport: viewport ?? null, reducedMotion: "reduce" });
  const page = await context.newPage();
  const seen = watch(page, baseURL);
  const troubles = () => ({ foreign: seen.foreign.splice(0), broken: seen.broken.splice(0) });
  return { page, troubles };
}
