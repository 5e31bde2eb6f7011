/** A connection to a host that the plugin was granted, made by the egress gateway. */
import { Buffer } from "node:buffer";
import { sendJson, toBytes } from "../channel.ts";
import type { EgressRequest } from "../egress.ts";
import { FrameType } from "../frames.ts";

// Captured while this module loads. Both stay in here: what they lead to is the gateway alone.
const connectTcp = Deno.connect.bind(Deno);
const later = setTimeout.bind(globalThis);

/** How long a gateway that does not answer is left alone. */
const AGAIN_MS = 200;

const HEAD_END = Buffer.from("\r\n\r\n");
const MAX_HEAD = 16 * 1024;

/** A connection, and what came behind the gateway's answer. */
export interface Tunnel {
  readonly connection: Deno.TcpConn;
  readonly rest: Uint8Array;
}

/** Why there is no connection; `code` is one of those that libraries know. */
class TunnelError extends Error {
  readonly code: string;
  readonly errno: string;
  readonly syscall = "connect";

  constructor(code: string, message: string) {
    super(message);
    [this.code, this.errno] = [code, code];
  }
}

/** The way out of one worker. */
export class TunnelEntrance {
  readonly #pluginId: number;
  readonly #address: { readonly hostname: string; readonly port: number } | null = null;
  /** The end of a request's head, with what the gateway knows this process by. */
  readonly #authorization: string = "";

  constructor({ pluginId, egress }: EgressRequest) {
    this.#pluginId = pluginId;
    if (egress === null) return;
    const [hostname = "", port] = egress.gateway.split(":");
    this.#address = { hostname, port: Number(port) };
    const pass = Buffer.from(`plugin:${egress.secret}`).toString("base64");
    this.#authorization = `\r\nProxy-Authorization: Basic ${pass}\r\n\r\n`;
  }

  /**
   * To be waited for before any plugin text is there. A promise that is resolved with a connection
   * looks for its `then`; where all objects have one by the plugin's doing, the plugin would be handed
   * the connection, whose class makes connections out of numbers. So those get a `then` of their own.
   */
  async prepare(): Promise<void> {
    while (this.#address !== null) {
      try {
        const connection = await connectTcp(this.#address);
        connection.close();
        Object.defineProperty(Object.getPrototypeOf(connection), "then", {
          value: undefined,
          writable: false,
          configurable: false,
        });
        return;
      } catch {
        // The gateway starts again when it ended; if it does not, the server ends this process.
        await new Promise((resolve) => later(resolve, AGAIN_MS));
      }
    }
  }

  /**
   * Asks the gateway for a host and port. It checks the grant and resolves the name; nothing is
   * resolved here.
   * @throws Error with a `code` saying why there is no connection
   */
  async open(host: string, port: number): Promise<Tunnel> {
    // A name may be any text, and becomes a part of a request.
    if (!/^[\w.:-]{1,255}$/.test(host)) throw new TunnelError("ENOTFOUND", `no such host: ${host}`);
    const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const grant = `To allow it: paddock plugins grant ${this.#pluginId} ${target}`;
    if (this.#address === null) {
      sendJson(FrameType.Refused, 0, { host: target });
      throw new TunnelError("EACCES", `${target} was not granted to this plugin. ${grant}`);
    }
    const connection = await connectTcp(this.#address);
    try {
      // By captured functions and no others: this text has the secret in it.
      const head = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}${this.#authorization}`;
      await writeAll(connection, toBytes(head));
      const answer = await readHead(connection);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.head)?.[1]);
      // Without a prototype, for the reason above.
      if (status === 200) return { __proto__: null, connection, rest: answer.rest } as Tunnel;
      const reason = answer.rest.toString("utf8").trim();
      throw new TunnelError(
        codeOf(status, reason),
        `connect to ${target} failed: ${reason}${status === 403 ? `. ${grant}` : ""}`,
      );
    } catch (error) {
      connection.close();
      throw error;
    }
  }
}

/** All of the bytes, in pieces as large as the other side takes. */
export async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.byteLength) at += await connection.write(bytes.subarray(at));
}

async function readHead(connection: Deno.TcpConn): Promise<{ head: string; rest: Buffer }> {
  let read = Buffer.alloc(0);
  const chunk = new Uint8Array(4096);
  while (true) {
    const end = read.indexOf(HEAD_END);
    // What refuses tells why behind its head, and then closes.
    if (end !== -1) {
      const head = read.toString("latin1", 0, end);
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      const rest = read.subarray(end + HEAD_END.length);
      if (rest.length >= length) return { head, rest };
    }
    if (read.length > MAX_HEAD) throw new TunnelError("ECONNRESET", "the gateway says too much");
    const count = await connection.read(chunk);
    if (count === null) throw new TunnelError("ECONNRESET", "the gateway closed the connection");
    read = Buffer.concat([read, chunk.subarray(0, count)]);
  }
}

function codeOf(status: number, reason: string): string {
  if (status === 403) return "EACCES";
  if (status === 429) return "EMFILE";
  return reason.includes("does not resolve") ? "ENOTFOUND" : "ECONNREFUSED";
}
