/**
 * The internal MMDB server of PostHog's plugin server, for what was built to ask it. Its protocol: a
 * client sends an IP address as text and half-closes; the answer is a City record in V8's structured
 * clone format, null where there is none, or a text, which is an error. Each chunk that arrives is
 * one address.
 */
import { serialize } from "node:v8";
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import { readCity } from "./city.ts";
import type { GeoIp } from "./geoip.ts";

const TIMED_OUT = "Internal MMDB server connection timed out!";
/** An IPv6 address with a zone is shorter; a longer chunk holds no address. */
const MAX_CHUNK = 256;
/** Clients at a time; more are closed at once. */
const MAX_CLIENTS = 1_000;

export class MmdbServer {
  readonly #geoip: GeoIp;
  readonly #listener: Deno.TcpListener;
  readonly #idleMs: number;
  readonly #clients = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  readonly #log = getLogger(["paddock", "geoip"]);

  /**
   * Listens on loopback alone: whoever can connect may ask.
   * @param port INTERNAL_MMDB_SERVER_PORT; 0 takes a free one
   * @throws Deno.errors.AddrInUse
   */
  constructor(geoip: GeoIp, port: number, idleMs = 10_000) {
    this.#geoip = geoip;
    this.#idleMs = idleMs;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const client of this.#clients) client.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#clients.size >= MAX_CLIENTS) {
        client.close();
        continue;
      }
      this.#clients.add(client);
      this.#serve(client).catch((error) =>
        this.#log.debug`a client was lost: ${errorMessage(error)}`
      ).finally(() => {
        if (this.#clients.delete(client)) close(client);
      });
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const chunk = new Uint8Array(MAX_CHUNK);
    let failure: string | null = null;
    while (true) {
      const timeout = Promise.withResolvers<"idle">();
      const timer = setTimeout(() => timeout.resolve("idle"), this.#idleMs);
      const read = await Promise.race([client.read(chunk), timeout.promise])
        .finally(() => clearTimeout(timer));
      if (read === "idle") return await write(client, serialize(TIMED_OUT));
      if (read === null) break;
      const answer = this.#answer(new TextDecoder().decode(chunk.subarray(0, read)).trim());
      if (typeof answer === "string") failure = answer;
      await write(client, serialize(answer));
    }
    if (failure !== null) await write(client, serialize(failure));
  }

  /** A text is an error, as the protocol has it. */
  #answer(ip: string): unknown {
    try {
      const city = this.#geoip.locate(ip);
      return city === null ? null : readCity(city);
    } catch (error) {
      return errorMessage(error);
    }
  }
}

async function write(client: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += await client.write(bytes.subarray(at));
}

function close(client: Deno.TcpConn): void {
  try {
    client.close();
  } catch {
    // Its reading end is gone already.
  }
}
