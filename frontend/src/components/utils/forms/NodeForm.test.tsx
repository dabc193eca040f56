// @vitest-environment jsdom
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createNode } from "@/lib/api/generated/sdk.gen";
import type { NodeView } from "@/lib/api/generated/types.gen";
import { NodeForm } from "./NodeForm";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const CERTIFICATES = ["CA certificate", "Client certificate", "Client key"];

const problem = {
  type: "about:blank",
  title: "Unprocessable Entity",
  status: 422,
  code: "invalid",
  detail: "2 fields are invalid; see errors.",
  errors: [
    { field: "name", message: "is already taken", code: "taken" },
    { field: "tls.key", message: "must be a private key in PEM form" },
  ],
  request_id: "r1",
};

/** What is sent from here on. */
function sentNodes(): unknown[] {
  const bodies: unknown[] = [];
  server.use(
    http.post("*/org/o1/nodes", async ({ request }) => {
      bodies.push(await request.json());
      return HttpResponse.json({}, { status: 201 });
    }),
  );
  return bodies;
}

const add = () => userEvent.click(screen.getByRole("button", { name: "Add node" }));

function show() {
  render(
    <NodeForm
      submit="Add node"
      onSubmit={(body) => createNode({ path: { org_id: "o1" }, body, throwOnError: true })}
    />,
  );
}

describe("the node's form", () => {
  it("puts what the server refuses at its field and keeps what was typed", async () => {
    server.use(
      http.post("*/org/o1/nodes", () =>
        HttpResponse.json(problem, { status: 422, headers: { "Content-Type": "application/problem+json" } }),
      ),
    );
    show();
    await userEvent.type(screen.getByLabelText("Name"), "rack-7");
    await userEvent.click(screen.getByRole("radio", { name: /Remote/ }));
    await userEvent.type(screen.getByLabelText("Address"), "10.0.0.5");
    for (const name of CERTIFICATES) await userEvent.type(screen.getByLabelText(name), "pem");
    await add();
    expect(await screen.findByText("Is already taken.")).toBeInTheDocument();
    expect(screen.getByLabelText("Name")).toHaveAttribute("aria-invalid", "true");
    expect(screen.getByLabelText("Name")).toHaveValue("rack-7");
    expect(screen.getByLabelText("Client key")).toHaveAccessibleDescription(/private key in PEM form/);
  });

  it("sends only what belongs to the type", async () => {
    const bodies = sentNodes();
    show();
    await userEvent.type(screen.getByLabelText("Name"), "here");
    await add();
    await expect
      .poll(() => bodies)
      .toEqual([{ name: "here", type: "socket", capacity: 10, is_active: true, socket_path: "/var/run/docker.sock" }]);
  });

  it("sends where a remote engine is and the three files of its certificates", async () => {
    const bodies = sentNodes();
    show();
    await userEvent.type(screen.getByLabelText("Name"), "rack-7");
    await userEvent.click(screen.getByRole("radio", { name: /Remote/ }));
    await userEvent.type(screen.getByLabelText("Address"), "rack-7.example.org");
    await userEvent.clear(screen.getByLabelText("Port"));
    await userEvent.type(screen.getByLabelText("Port"), "2377");
    await userEvent.clear(screen.getByLabelText("Capacity"));
    await userEvent.type(screen.getByLabelText("Capacity"), "4");
    for (const name of CERTIFICATES) {
      const label = `File with the ${name.replace(/^Client/, "client")}`;
      await userEvent.upload(screen.getByLabelText(label), new File([`the ${name}`], "file.pem"));
      await expect.poll(() => screen.getByLabelText(name)).toHaveValue(`the ${name}`);
    }
    await add();
    await expect
      .poll(() => bodies)
      .toEqual([
        {
          name: "rack-7",
          type: "remote",
          capacity: 4,
          is_active: true,
          ip_address: "rack-7.example.org",
          port: 2377,
          tls: { ca: "the CA certificate", cert: "the Client certificate", key: "the Client key" },
        },
      ]);
  });

  it("asks for each of the three certificates that is missing", async () => {
    const bodies = sentNodes();
    show();
    await userEvent.type(screen.getByLabelText("Name"), "rack-7");
    await userEvent.click(screen.getByRole("radio", { name: /Remote/ }));
    await userEvent.type(screen.getByLabelText("Address"), "10.0.0.5");
    await add();
    for (const name of CERTIFICATES) {
      await waitFor(() => expect(screen.getByLabelText(name)).toHaveAttribute("aria-invalid", "true"));
    }
    expect(bodies).toEqual([]);
  });

  it("asks for none where certificates are stored, and for all where one is replaced", async () => {
    const bodies: unknown[] = [];
    const node = { name: "rack-7", type: "remote", ip_address: "10.0.0.5", port: 2376, capacity: 4, has_tls: true };
    render(
      <NodeForm
        node={node as NodeView}
        submit="Save changes"
        onSubmit={async (body) => {
          bodies.push(body);
        }}
      />,
    );
    const save = () => userEvent.click(screen.getByRole("button", { name: "Save changes" }));
    await save();
    await waitFor(() => expect(bodies).toHaveLength(1));
    await userEvent.type(screen.getByLabelText("Client certificate"), "pem");
    await save();
    await waitFor(() => expect(screen.getByLabelText("Client key")).toHaveAttribute("aria-invalid", "true"));
    expect(screen.getByLabelText("CA certificate")).toHaveAttribute("aria-invalid", "true");
    expect(bodies).toHaveLength(1);
  });

  it("minds the port only where it is asked for, and says in words what it may be", async () => {
    const bodies = sentNodes();
    show();
    await userEvent.type(screen.getByLabelText("Name"), "here");
    await userEvent.click(screen.getByRole("radio", { name: /Remote/ }));
    await userEvent.type(screen.getByLabelText("Address"), "10.0.0.5");
    await userEvent.clear(screen.getByLabelText("Port"));
    await add();
    expect(await screen.findByText("Must be a whole number from 1 to 65,535.")).toBeInTheDocument();
    expect(screen.getByLabelText("Port")).toHaveAttribute("aria-invalid", "true");
    expect(bodies).toEqual([]);
    await userEvent.click(screen.getByRole("radio", { name: /Unix socket/ }));
    await add();
    await expect.poll(() => bodies).toHaveLength(1);
  });

  it("takes a certificate from a file, and no file that can be none", async () => {
    show();
    await userEvent.click(screen.getByRole("radio", { name: /Remote/ }));
    const input = screen.getByLabelText("File with the client key");
    await userEvent.upload(input, new File(["-----BEGIN PRIVATE KEY-----"], "key.pem"));
    await expect.poll(() => screen.getByLabelText("Client key")).toHaveValue("-----BEGIN PRIVATE KEY-----");
    await userEvent.upload(input, new File(["x".repeat(300_000)], "disk.pem"));
    expect(await screen.findByText("This file is too large for that.")).toBeInTheDocument();
    expect(screen.getByLabelText("Client key")).toHaveValue("-----BEGIN PRIVATE KEY-----");
  });

  it("asks for what is missing before the server does", async () => {
    show();
    await add();
    expect(await screen.findByText("Must be filled in.")).toBeInTheDocument();
  });
});
