/** A connection to a host that the plugin was granted, made by the egress gateway. */
import { Buffer } from "node:buffer";
import { sendJson } from "../channel.ts";
import type { EgressRequest } from "../egress.ts";
import { FrameType } from "../frames.ts";

// Captured while this module loads. Both stay in here: what they lead to is the gateway alone.
const connectTcp = Deno.connect.bind(Deno);
const encoder = new TextEncoder();

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

/**
 * Asks the gateway for a host and port. It checks the grant and resolves the name; nothing is
 * resolved here.
 * @throws Error with a `code` saying why there is no connection
 */
export async function openTunnel(
  request: EgressRequest,
  host: string,
  port: number,
): Promise<Tunnel> {
  // A name may be any text, and becomes a part of a request.
  if (!/^[\w.:-]{1,255}$/.test(host)) throw new TunnelError("ENOTFOUND", `no such host: ${host}`);
  const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const { egress, pluginId } = request;
  const grant = `To allow it: paddock plugins grant ${pluginId} ${target}`;
  if (egress === null) {
    sendJson(FrameType.Refused, 0, { host: target });
    throw new TunnelError("EACCES", `${target} was not granted to this plugin. ${grant}`);
  }
  const [hostname, gatewayPort] = egress.gateway.split(":") as [string, string];
  const connection = await connectTcp({ hostname, port: Number(gatewayPort) });
  try {
    const pass = Buffer.from(`plugin:${egress.secret}`).toString("base64");
    await writeAll(
      connection,
      encoder.encode(
        `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Basic ${pass}\r\n\r\n`,
      ),
    );
    const { head, rest } = await readHead(connection);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
    if (status === 200) return { connection, rest };
    const reason = rest.toString("utf8").trim();
    throw new TunnelError(
      codeOf(status, reason),
      `connect to ${target} failed: ${reason}${status === 403 ? `. ${grant}` : ""}`,
    );
  } catch (error) {
    connection.close();
    throw error;
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
