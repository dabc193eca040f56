import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";

const ENGINE = "/var/run/docker.sock";
const run = promisify(execFile);

/** Ways to this machine's engine that can be closed and opened again, as if the engine had gone away. */
abstract class Door {
  private server: Server | null = null;
  private readonly open = new Set<Socket>();
  protected readonly folder: string;

  protected constructor(folder: string) {
    this.folder = folder;
  }

  protected abstract listen(lead: (client: Socket) => void): Promise<Server>;

  async start(): Promise<void> {
    this.server = await this.listen((client) => {
      const upstream = connect(ENGINE);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.open.add(from);
        from.on("close", () => {
          this.open.delete(from);
          to.destroy();
        });
        from.on("error", () => to.destroy());
        from.pipe(to);
      }
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise<void>((resolve) => {
      if (this.server) this.server.close(() => resolve());
      else resolve();
    });
    this.server = null;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const newFolder = () => mkdtemp(join(tmpdir(), "rp-door-"));

async function listening(server: Server, where: string | { port: number; host: string }): Promise<Server> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, resolve);
  });
  return server;
}

/** Another unix socket. */
export class SocketDoor extends Door {
  readonly path: string;

  private constructor(folder: string) {
    super(folder);
    this.path = join(folder, "engine.sock");
  }

  static async opened(): Promise<SocketDoor> {
    const door = new SocketDoor(await newFolder());
    await door.start();
    return door;
  }

  protected listen(lead: (client: Socket) => void): Promise<Server> {
    return listening(createServer(lead), this.path);
  }
}

/** A port of this machine, with mutual TLS as a remote engine has it, and certificates of its own. */
export class TlsDoor extends Door {
  port = 0;
  /** What a client needs. */
  readonly files: Record<"ca" | "cert" | "key", string>;

  private constructor(folder: string) {
    super(folder);
    this.files = { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  }

  static async opened(): Promise<TlsDoor> {
    const door = new TlsDoor(await newFolder());
    await door.makeCertificates();
    await door.start();
    return door;
  }

  private async makeCertificates(): Promise<void> {
    const file = (name: string) => join(this.folder, name);
    // An empty one: the system's would make an authority of whoever it certifies.
    await writeFile(file("openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n");
    const make = (name: string, certificate: string, key: string, ...given: string[]) =>
      run("openssl", [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
        ...["-config", file("openssl.cnf"), "-subj", `/CN=${name}`, "-out", file(certificate), "-keyout", file(key)],
        ...given,
      ]);
    await make("Authority of a test", "ca.pem", "ca-key.pem", "-addext", "basicConstraints=critical,CA:TRUE");
    const signed = ["-CA", file("ca.pem"), "-CAkey", file("ca-key.pem"), "-addext"];
    await make("Engine", "server-cert.pem", "server-key.pem", ...signed, "subjectAltName=IP:127.0.0.1");
    await make("Runner Pilot", "cert.pem", "key.pem", ...signed, "extendedKeyUsage=clientAuth");
  }

  protected async listen(lead: (client: Socket) => void): Promise<Server> {
    const [ca, cert, key] = await Promise.all(
      ["ca.pem", "server-cert.pem", "server-key.pem"].map((name) => readFile(join(this.folder, name))),
    );
    if (!ca || !cert || !key) throw new Error("there are no certificates");
    const server = createTlsServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, lead);
    // A client that was turned away is no failure of the test.
    server.on("tlsClientError", () => undefined);
    await listening(server, { port: this.port, host: "127.0.0.1" });
    this.port = (server.address() as AddressInfo).port;
    return server;
  }
}
