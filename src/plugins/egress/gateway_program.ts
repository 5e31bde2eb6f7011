/**
 * The egress gateway: a process through which plugins reach the hosts they were granted. It holds no
 * credentials and runs no plugin code. Its permissions are the network and nothing else.
 *
 * It exists because what Deno itself checks leaves holes: ranges of IPv6 addresses cannot be denied,
 * and a name is resolved after it was allowed. Here a name is resolved once, every address is
 * checked, and the connection goes to the address that was checked. TLS is between the plugin and
 * its peer: the gateway sees names and sizes, no contents.
 */
import { admit, type EgressTerms, Refusal, type Remedy } from "./admission.ts";
import {
  closingResponseHead,
  type GatewayRequest,
  isInterim,
  parseRequest,
  readHead,
  refusalResponse,
  sameSecret,
} from "./gateway_connection.ts";
import type { FromGateway, ToGateway } from "./gateway_messages.ts";
import { RequestClock } from "./request_clock.ts";

/** What is known about one plugin process. */
interface Client {
  readonly secret: string;
  readonly terms: EgressTerms;
  readonly connections: Set<Deno.Conn>;
  minute: number;
  bytes: number;
}

const HEAD_MS = 10_000;
const CONNECT_MS = 10_000;

const clients: Client[] = [];
const encoder = new TextEncoder();

function tell(message: FromGateway): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(message)}\n`));
}

function close(connection: Deno.Conn | null): void {
  try {
    connection?.close();
  } catch {
    // The other side of the copying was faster.
  }
}

async function serve(connection: Deno.Conn): Promise<void> {
  let client: Client | undefined;
  let request: GatewayRequest | null = null;
  let peer: Deno.Conn | null = null;
  const timer = setTimeout(() => close(connection), HEAD_MS);
  try {
    const first = await readHead(connection);
    clearTimeout(timer);
    if (first === null) return;
    request = parseRequest(first.head);
    const { secret } = request;
    client = clients.find((each) => sameSecret(each.secret, secret));
    if (client === undefined) throw new Refusal(407, "its secret is not known");
    if (client.connections.size >= client.terms.connections) {
      throw new Refusal(429, `over ${client.terms.connections} connections at a time`, {
        setting: "PLUGIN_REQUESTS_IN_FLIGHT",
      });
    }
    client.connections.add(connection);
    checkVolume(client);
    const { addresses, port } = await admit(client.terms, request.host, request.port);
    peer = await connect(addresses, port);
    await carry(client, connection, peer, request, first.rest);
  } catch (error) {
    // Anything but a refusal is an end of the connection, by either side.
    if (error instanceof Refusal) {
      const { message, remedy } = error;
      if (client !== undefined && request !== null && remedy !== null) {
        report(client, request, message, remedy);
      }
      // Once it was connected, what is said belongs to the peers.
      if (peer === null) {
        await connection.write(encoder.encode(refusalResponse(error))).catch(() => {});
      }
    }
  } finally {
    clearTimeout(timer);
    client?.connections.delete(connection);
    close(connection);
    close(peer);
  }
}

function report(
  { terms }: Client,
  { host, port }: GatewayRequest,
  reason: string,
  remedy: Remedy,
): void {
  tell({
    type: "refused",
    pluginId: terms.pluginId,
    host: host.slice(0, 300),
    port,
    reason,
    remedy,
  });
}

/** The first address that answers. */
async function connect(addresses: readonly string[], port: number): Promise<Deno.Conn> {
  let last = "";
  for (const hostname of addresses) {
    try {
      return await Deno.connect({ hostname, port, signal: AbortSignal.timeout(CONNECT_MS) });
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
  }
  throw new Refusal(502, `it does not answer: ${last}`);
}

/** Copies both ways until both sides are done, one fails, nothing moves, or it was too much. */
async function carry(
  client: Client,
  connection: Deno.Conn,
  peer: Deno.Conn,
  request: GatewayRequest,
  rest: Uint8Array,
): Promise<void> {
  const isTunnel = request.head === null;
  if (isTunnel) await writeAll(connection, encoder.encode("HTTP/1.1 200 Connected\r\n\r\n"));
  else await writeAll(peer, encoder.encode(request.head));
  await writeAll(peer, rest);
  const { requestMs } = client.terms;
  const clock = new RequestClock(requestMs, isTunnel);
  const idle = setInterval(() => {
    if (clock.idleMs < requestMs) return;
    close(connection);
    close(peer);
  }, requestMs / 4);
  const moved = (bytes: number, isAnswer: boolean) => {
    clock.moved(isAnswer);
    client.bytes += bytes;
    checkVolume(client);
  };
  const back = async () => {
    if (!isTunnel) await copyResponseHead(peer, connection);
    await copy(peer, connection, (bytes) => moved(bytes, true));
  };
  const answered = back();
  const asked = copy(connection, peer, (bytes) => moved(bytes, false));
  const both = Promise.all([asked, answered]);
  try {
    // Plain HTTP is over with its answer, as nothing may follow it on this connection.
    await (isTunnel ? both : Promise.race([both, answered]));
  } finally {
    clearInterval(idle);
  }
}

async function copyResponseHead(peer: Deno.Conn, connection: Deno.Conn): Promise<void> {
  while (true) {
    const response = await readHead(peer);
    if (response === null) return;
    const { head, rest } = response;
    if (isInterim(head) && rest.length === 0) {
      await writeAll(connection, encoder.encode(`${head}\r\n\r\n`));
      continue;
    }
    await writeAll(connection, encoder.encode(closingResponseHead(head)));
    await writeAll(connection, rest);
    return;
  }
}

async function copy(from: Deno.Conn, to: Deno.Conn, moved: (bytes: number) => void): Promise<void> {
  const chunk = new Uint8Array(32 * 1024);
  while (true) {
    const count = await from.read(chunk);
    if (count === null) break;
    moved(count);
    await writeAll(to, chunk.subarray(0, count));
  }
  await to.closeWrite();
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.byteLength) at += await connection.write(bytes.subarray(at));
}

/** @throws Refusal when a plugin moved more within a minute than it may */
function checkVolume(client: Client): void {
  const minute = Math.floor(performance.now() / 60_000);
  if (client.minute !== minute) [client.minute, client.bytes] = [minute, 0];
  if (client.bytes <= client.terms.bytesPerMinute) return;
  throw new Refusal(429, `over ${client.terms.bytesPerMinute} bytes a minute`, {
    setting: "PLUGIN_TRAFFIC_MB_PER_MINUTE",
  });
}

function handle(message: ToGateway): void {
  if (message.type === "open") {
    const { secret, terms } = message;
    clients.push({ secret, terms, connections: new Set(), minute: 0, bytes: 0 });
    return tell({ type: "opened", secret });
  }
  const index = clients.findIndex((each) => each.secret === message.secret);
  const [closed] = index === -1 ? [] : clients.splice(index, 1);
  for (const connection of closed?.connections ?? []) close(connection);
}

async function acceptConnections(listener: Deno.Listener): Promise<void> {
  for await (const connection of listener) serve(connection);
}

/** @param args address to listen on, port (0 for any) */
export async function runGateway(args: readonly string[]): Promise<void> {
  const [hostname = "127.0.0.1", port = "0"] = args;
  const listener = Deno.listen({ hostname, port: Number(port) });
  tell({ type: "listening", port: (listener.addr as Deno.NetAddr).port });
  acceptConnections(listener);

  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) handle(JSON.parse(line) as ToGateway);
  }
  // The server is gone: nobody is left to work for.
  Deno.exit(0);
}

if (import.meta.main) await runGateway(Deno.args);
