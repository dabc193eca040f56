import { count } from "@/lib/format";
import { SANDBOX_IMAGE } from "@/lib/sandbox";

export const texts = {
  required: "Must be filled in.",
  figure: {
    whole: (min: number, max: number) => `Must be a whole number from ${count(min)} to ${count(max)}.`,
    any: (min: number, max: number) => `Must be a number from ${count(min)} to ${count(max)}.`,
  },
  file: {
    choose: "Take from a file",
    tooLarge: "This file is too large for that.",
    unreadable: "This file could not be read.",
  },
  name: { label: "Name", hint: "Letters, digits, “_”, “.” and “-”; at most 64." },
  node: {
    type: "How the engine is reached",
    types: {
      socket: { title: "Unix socket", description: "A Docker socket on the worker's machine." },
      local: {
        title: "Worker's own host",
        description: "The default engine of a host that runs a worker, with its CPU, memory and disk.",
      },
      remote: { title: "Remote, over TLS", description: "A Docker engine on another machine, with mutual TLS." },
    },
    socketPath: { label: "Socket path", hint: "An absolute path. Docker's own is /var/run/docker.sock." },
    address: { label: "Address", hint: "An IP address or a host name." },
    port: { label: "Port" },
    host: { label: "Host", hint: "The host name of the worker; empty means the server's own." },
    tls: "TLS certificates",
    tlsKept: "Certificates are stored. Fill all three in to replace them.",
    tlsHint: "In PEM form. They are stored encrypted and never shown again.",
    ca: { label: "CA certificate", file: "File with the CA certificate" },
    cert: { label: "Client certificate", file: "File with the client certificate" },
    key: { label: "Client key", file: "File with the client key" },
    capacity: { label: "Capacity", hint: "How many instances it may hold at once." },
    active: { label: "Takes new instances" },
    add: "Add node",
  },
  credential: {
    token: {
      label: "Personal access token",
      hint: "It needs the right to administer self-hosted runners of the repository or organisation.",
      keptHint: "The stored token is never shown. Fill this in to replace it.",
    },
    enterprise: "GitHub Enterprise Server",
    apiUrl: { label: "API address", hint: "Such as https://github.example.org/api/v3. Empty means github.com." },
    webUrl: { label: "Web address", hint: "Such as https://github.example.org." },
    add: "Add credential",
  },
  runner: {
    scope: "Registered at",
    scopes: { repo: "A repository", org: "An organisation" },
    repo: { label: "Repository", hint: "owner/name, as in its address on GitHub.", placeholder: "acme/web" },
    org: { label: "Organisation", hint: "Its login, as in its address on GitHub.", placeholder: "acme" },
    authority: "How it registers",
    authorities: {
      credential: { title: "With a credential", description: "Runner Pilot mints a registration for every instance." },
      token: {
        title: "With a registration token",
        description: "Copied from GitHub's “New self-hosted runner” page; good for an hour.",
      },
    },
    credential: {
      label: "Credential",
      none: "Choose a credential",
      missing: "There is none yet.",
      add: "Add a credential",
      sandbox: `The sandbox's own image, ${SANDBOX_IMAGE}, finds it on the node's own network.`,
    },
    token: { label: "Registration token", keptHint: "A token is stored. Fill this in to replace it." },
    image: {
      label: "Image",
      hint: "The image its containers are made from. Empty means GitHub's own, ghcr.io/actions/actions-runner.",
      placeholder: "ghcr.io/actions/actions-runner:2.336.0",
    },
    labels: { label: "Labels", hint: "Separated by commas. A workflow names them in runs-on." },
    size: "Size of one instance",
    sizes: { small: "Small", medium: "Medium", large: "Large", custom: "Custom" },
    customHint: "Your own figures",
    cpus: { label: "CPUs" },
    memory: { label: "Memory (MiB)" },
    pids: { label: "Processes" },
    maxInstances: { label: "Most instances" },
    minIdle: { label: "Kept idle" },
    ephemeral: {
      label: "One job per instance",
      hint: "Every job gets a fresh container. This alone does not make public repositories safe.",
    },
    hostNetwork: {
      label: "Use the node's own network",
      hint: "The container then reaches whatever the node reaches. Only an admin may set it.",
    },
    nodes: {
      label: "Nodes",
      any: "Any node of the organisation",
      find: "Find a node",
      hint: "Without a choice, the node with the most room is taken.",
    },
    advanced: "Limits and placement",
    create: "Create runner",
  },
};
