import { fireEvent, screen } from "@testing-library/react";
import type * as React from "react";
import { ThemeProvider } from "@/components/providers/ThemeProvider";
import { CredentialForm } from "@/components/utils/forms/CredentialForm";
import { NodeForm } from "@/components/utils/forms/NodeForm";
import { RunnerForm } from "@/components/utils/forms/RunnerForm";
import { AuthProvider } from "@/context/AuthContext";
import {
  addMember,
  createCredential,
  createNode,
  createRunner,
  updateCredential,
  updateMember,
  updateNode,
  updateRunner,
} from "@/lib/api/generated/sdk.gen";
import type {
  CredentialCreateWritable,
  CredentialUpdateWritable,
  CredentialView,
  LoginRequestWritable,
  MemberAdd,
  MemberUpdate,
  MemberView,
  NodeCreateWritable,
  NodeUpdateWritable,
  NodeView,
  OnboardingRequestWritable,
  OrgCreate,
  OrgUpdate,
  PasswordChange,
  ProfileUpdateWritable,
  RegisterRequestWritable,
  RunnerClone,
  RunnerCreateWritable,
  RunnerUpdateWritable,
  RunnerView,
} from "@/lib/api/generated/types.gen";
import { ProfilePage } from "@/pages/Account/Profile";
import { RegisterPage } from "@/pages/Account/Register";
import { SignInPage } from "@/pages/Account/SignIn";
import { OrganisationStep } from "@/pages/Onboarding/Welcome/OrganisationStep";
import { MemberForm } from "@/pages/Organisation/Members/MemberForm";
import { SettingsPage } from "@/pages/Organisation/Settings";
import { CloneDialog } from "@/pages/Runners/RunnerDetail/CloneDialog";
import { renderPart } from "./render";

/**
 * Every form against every field that its request has: whoever adds one to the api has to say here where its
 * refusal is read. At the field of that label, with a group of choices, or above the buttons where the form has none.
 */
export type Place = { at: string } | { with: string } | "above";
type Places<Body> = Record<keyof Body & string, Place>;

export type Form = {
  name: string;
  show: () => unknown;
  /** What is filled in before the form can be sent, by label. */
  fill?: Record<string, string>;
  submit: string;
  request: ["post" | "put", string];
  fields: Record<string, Place>;
};

const org = { org_id: "o1" };
const credential = { uid: "c1", name: "github", secret: "ghp_…", api_url: "https://a.example" } as CredentialView;
const node = { uid: "n1", name: "rack-7", capacity: 4, is_active: true, socket_path: "/run/docker.sock" } as NodeView;
const member = { user_id: "u2", email: "grace@example.org", role: "member", permissions: {} } as MemberView;
const runner = {
  uid: "r1",
  name: "builder",
  scope: "repo",
  github_repo: "acme/web",
  credential_id: "c1",
  docker_image: "runner:1",
  labels: ["linux"],
  resources: { cpus: 3, memory_mb: 4096, pids: 2048, network: "bridge" },
  max_instances: 5,
  min_idle: 0,
  ephemeral: true,
  node_selection: { node_ids: [] as string[] },
} as RunnerView;

const runnerChoices = { credentials: [credential], nodes: [node], hostNetworkReason: null };
const runnerFields = {
  name: { at: "Name" },
  scope: { at: "Registered at" },
  github_repo: { at: "Repository" },
  credential_id: { at: "Credential" },
  github_runner_token: "above",
  docker_image: { at: "Image" },
  labels: { at: "Labels" },
  resources: "above",
  max_instances: { at: "Most instances" },
  min_idle: { at: "Kept idle" },
  ephemeral: { with: "One job per instance" },
  node_selection: { with: "Nodes" },
  runner_group_id: "above",
} satisfies Places<RunnerCreateWritable> & Places<RunnerUpdateWritable>;
const nodeFields = {
  name: { at: "Name" },
  type: { with: "How the engine is reached" },
  capacity: { at: "Capacity" },
} as const;

const signed = (page: React.ReactNode) =>
  renderPart(
    <ThemeProvider>
      <AuthProvider>{page}</AuthProvider>
    </ThemeProvider>,
  );

export const FORMS: Form[] = [
  {
    name: "the sign-in",
    show: () => renderPart(<SignInPage />),
    fill: { "E-mail address": "ada@example.org", Password: "secret" },
    submit: "Sign in",
    request: ["post", "*/auth/login"],
    fields: { email: { at: "E-mail address" }, password: { at: "Password" } } satisfies Places<LoginRequestWritable>,
  },
  {
    name: "the registration",
    show: () => renderPart(<RegisterPage />),
    fill: { "Full name": "Ada", "E-mail address": "ada@example.org", Password: "secret" },
    submit: "Create account",
    request: ["post", "*/auth/register"],
    fields: {
      full_name: { at: "Full name" },
      email: { at: "E-mail address" },
      password: { at: "Password" },
      invitation: { at: "Invitation code" },
    } satisfies Places<RegisterRequestWritable>,
  },
  {
    name: "the first account",
    show: () => renderPart(<OrganisationStep hasAccount={false} hasOrgs={false} go={() => undefined} />),
    fill: { "Full name": "Ada", "E-mail address": "ada@example.org", Password: "secret", Organisation: "Acme" },
    submit: "Create organisation",
    request: ["post", "*/onboarding"],
    fields: {
      full_name: { at: "Full name" },
      email: { at: "E-mail address" },
      password: { at: "Password" },
      org_name: { at: "Organisation" },
      org_type: "above",
    } satisfies Places<OnboardingRequestWritable>,
  },
  {
    name: "another organisation",
    show: () => renderPart(<OrganisationStep hasAccount hasOrgs go={() => undefined} />),
    fill: { Organisation: "Acme" },
    submit: "Create organisation",
    request: ["post", "*/org"],
    fields: { name: { at: "Organisation" }, org_type: "above" } satisfies Places<OrgCreate>,
  },
  {
    name: "the profile",
    show: () => signed(<ProfilePage />),
    fill: { "E-mail address": "new@example.org" },
    submit: "Save changes",
    request: ["put", "*/common/me"],
    fields: {
      full_name: { at: "Full name" },
      email: { at: "E-mail address" },
      current_password: { at: "Current password" },
    } satisfies Places<ProfileUpdateWritable>,
  },
  {
    name: "the password",
    show: () => signed(<ProfilePage />),
    fill: { "Current password": "secret", "New password": "better" },
    submit: "Change password",
    request: ["post", "*/common/me/password"],
    fields: {
      current_password: { at: "Current password" },
      new_password: { at: "New password" },
    } satisfies Places<PasswordChange>,
  },
  {
    name: "a new member",
    show: () =>
      renderPart(
        <MemberForm
          onSubmit={(body) => addMember({ path: org, body, throwOnError: true })}
          onCancel={() => undefined}
        />,
      ),
    fill: { "E-mail address": "grace@example.org" },
    submit: "Add member",
    request: ["post", "*/org/o1/members"],
    fields: {
      email: { at: "E-mail address" },
      role: { with: "Role" },
      permissions: { with: "Permissions" },
    } satisfies Places<MemberAdd>,
  },
  {
    name: "a member",
    show: () =>
      renderPart(
        <MemberForm
          member={member}
          onSubmit={({ role, permissions }) =>
            updateMember({ path: { ...org, user_id: "u2" }, body: { role, permissions }, throwOnError: true })
          }
          onCancel={() => undefined}
        />,
      ),
    submit: "Save changes",
    request: ["put", "*/org/o1/members/u2"],
    fields: { role: { with: "Role" }, permissions: { with: "Permissions" } } satisfies Places<MemberUpdate>,
  },
  {
    name: "the settings",
    show: () => renderPart(<SettingsPage />),
    submit: "Save changes",
    request: ["put", "*/org/o1"],
    fields: { name: { at: "Name" }, org_type: { at: "Kind" } } satisfies Places<OrgUpdate>,
  },
  {
    name: "a runner's copy",
    show: () => renderPart(<CloneDialog runner={runner} open onClose={() => undefined} />),
    submit: "Clone",
    request: ["post", "*/org/o1/runners/r1/clone"],
    fields: { name: { at: "Name" } } satisfies Places<RunnerClone>,
  },
  {
    name: "a new credential",
    show: () =>
      renderPart(
        <CredentialForm
          submit="Add credential"
          onSubmit={({ secret = "", ...body }) =>
            createCredential({ path: org, body: { ...body, secret }, throwOnError: true })
          }
        />,
      ),
    fill: { Name: "github", "Personal access token": "ghp_1" },
    submit: "Add credential",
    request: ["post", "*/org/o1/credentials"],
    fields: {
      name: { at: "Name" },
      secret: { at: "Personal access token" },
      api_url: { at: "API address" },
      web_url: { at: "Web address" },
      kind: "above",
    } satisfies Places<CredentialCreateWritable>,
  },
  {
    name: "a credential",
    show: () =>
      renderPart(
        <CredentialForm
          credential={credential}
          submit="Save changes"
          onSubmit={(body) => updateCredential({ path: { ...org, credential_id: "c1" }, body, throwOnError: true })}
        />,
      ),
    submit: "Save changes",
    request: ["put", "*/org/o1/credentials/c1"],
    fields: {
      name: { at: "Name" },
      secret: { at: "Personal access token" },
      api_url: { at: "API address" },
      web_url: { at: "Web address" },
    } satisfies Places<CredentialUpdateWritable>,
  },
  {
    name: "a new remote node",
    show: () => {
      renderPart(
        <NodeForm submit="Add node" onSubmit={(body) => createNode({ path: org, body, throwOnError: true })} />,
      );
      fireEvent.click(screen.getByRole("radio", { name: /Remote/ }));
    },
    fill: {
      Name: "rack-7",
      Address: "10.0.0.5",
      "CA certificate": "pem",
      "Client certificate": "pem",
      "Client key": "pem",
    },
    submit: "Add node",
    request: ["post", "*/org/o1/nodes"],
    fields: {
      ...nodeFields,
      ip_address: { at: "Address" },
      port: { at: "Port" },
      tls: { at: "CA certificate" },
      socket_path: "above",
      host: "above",
      is_active: "above",
    } satisfies Places<NodeCreateWritable>,
  },
  ...(["socket", "local"] as const).map(
    (type): Form => ({
      name: `a node of the type ${type}`,
      show: () =>
        renderPart(
          <NodeForm
            node={{ ...node, type }}
            submit="Save changes"
            onSubmit={(body) => updateNode({ path: { ...org, node_id: "n1" }, body, throwOnError: true })}
          />,
        ),
      submit: "Save changes",
      request: ["put", "*/org/o1/nodes/n1"],
      fields: {
        ...nodeFields,
        is_active: { with: "Takes new instances" },
        socket_path: type === "socket" ? { at: "Socket path" } : "above",
        host: type === "local" ? { at: "Host" } : "above",
        ip_address: "above",
        port: "above",
        tls: "above",
      } satisfies Places<NodeUpdateWritable>,
    }),
  ),
  {
    name: "a new runner",
    show: () =>
      renderPart(
        <RunnerForm
          {...runnerChoices}
          submit="Create runner"
          onSubmit={(body) => createRunner({ path: org, body, throwOnError: true })}
        />,
      ),
    fill: { Name: "builder", Repository: "acme/web" },
    submit: "Create runner",
    request: ["post", "*/org/o1/runners"],
    fields: runnerFields,
  },
  {
    name: "a runner that registers with a token",
    show: () => {
      renderPart(
        <RunnerForm
          {...runnerChoices}
          runner={runner}
          submit="Save changes"
          onSubmit={(body) => updateRunner({ path: { ...org, runner_id: "r1" }, body, throwOnError: true })}
        />,
      );
      fireEvent.click(screen.getByRole("radio", { name: /registration token/ }));
    },
    fill: { "Registration token": "AAAA" },
    submit: "Save changes",
    request: ["put", "*/org/o1/runners/r1"],
    fields: {
      ...runnerFields,
      credential_id: "above",
      github_runner_token: { at: "Registration token" },
      // Its size is its own, so that its figures stand there.
      "resources.cpus": { at: "CPUs" },
      "resources.memory_mb": { at: "Memory (MiB)" },
      "resources.pids": { at: "Processes" },
      "resources.network": { with: "Use the node's own network" },
    },
  },
];
