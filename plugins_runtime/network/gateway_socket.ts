/** `net.Socket` as libraries have it: a stream without a handle, whose other end is the gateway's. */
import { Buffer } from "node:buffer";
import net from "node:net";
import { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
import type { StandInAddresses } from "./stand_in_addresses.ts";
import { type TunnelEntrance, writeAll } from "./tunnel.ts";

/** Options of `net.connect`, as far as they mean something here. */
interface ConnectOptions {
  readonly host?: string;
  readonly hostname?: string;
  readonly port?: number | string;
  readonly path?: string;
  readonly fd?: unknown;
  readonly handle?: unknown;
  readonly timeout?: number;
  readonly allowHalfOpen?: boolean;
}

type Callback = (error?: Error | null) => void;

const CHUNK = 64 * 1024;

/** The sockets of one worker. The entrance cannot be read off the class that this returns. */
export function createSocketClass(
  entrance: () => TunnelEntrance | null,
  addresses: StandInAddresses,
) {
  return class Socket extends Duplex {
    connecting = false;
    readonly pending = false;
    bytesRead = 0;
    bytesWritten = 0;
    timeout = 0;
    remoteAddress: string | undefined;
    remotePort: number | undefined;
    remoteFamily: string | undefined;
    // Of the gateway's connection, which says nothing about this one.
    readonly localAddress = "0.0.0.0";
    readonly localPort = 0;
    #connection: Deno.TcpConn | null = null;
    #reading = false;
    /** What came behind the gateway's answer. */
    #rest: Uint8Array | null = null;
    #timer: ReturnType<typeof setTimeout> | null = null;

    constructor(options: ConnectOptions = {}) {
      super({ allowHalfOpen: options?.allowHalfOpen ?? false });
      if (options?.fd !== undefined || options?.handle !== undefined) {
        throw new Error("sockets are connected, not opened");
      }
    }

    /** Takes what `net.Socket.connect` takes. */
    connect(...args: unknown[]): this {
      const { options, listener } = connectArguments(args);
      if (listener !== null) this.once("connect", listener);
      if (options.timeout) this.setTimeout(options.timeout);
      this.connecting = true;
      this.#open(options).catch((error) => this.destroy(error));
      return this;
    }

    async #open(options: ConnectOptions): Promise<void> {
      const way = entrance();
      if (way === null) throw new Error("the network is not available yet");
      if (options.path !== undefined && options.port === undefined) {
        throw Object.assign(new Error("plugins reach hosts only"), { code: "EACCES" });
      }
      const given = options.host ?? options.hostname ?? "localhost";
      const host = addresses.nameOf(given);
      const port = Number(options.port);
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new RangeError(`'${options.port}' is no port`);
      }
      const { connection, rest } = await way.open(host, port);
      if (this.destroyed) return connection.close();
      this.#connection = connection;
      if (rest.byteLength > 0) this.#rest = rest;
      this.connecting = false;
      [this.remoteAddress, this.remotePort] = [given, port];
      this.remoteFamily = net.isIPv6(given) ? "IPv6" : "IPv4";
      this.#touch();
      this.emit("connect");
      this.emit("ready");
    }

    /** Runs now, or once there is a connection. */
    #connected(run: (connection: Deno.TcpConn) => void): void {
      if (this.#connection !== null) run(this.#connection);
      else this.once("connect", () => run(this.#connection as Deno.TcpConn));
    }

    override _read(): void {
      this.#connected(async (connection) => {
        if (this.#reading) return;
        this.#reading = true;
        try {
          const chunk = this.#rest ?? await readSome(connection);
          this.#rest = null;
          this.#reading = false;
          this.bytesRead += chunk?.byteLength ?? 0;
          this.#touch();
          this.push(chunk);
        } catch (error) {
          this.#reading = false;
          this.destroy(asReset(error));
        }
      });
    }

    override _write(chunk: Uint8Array, _encoding: string, done: Callback): void {
      this.#connected((connection) => {
        this.#touch();
        writeAll(connection, chunk).then(() => {
          this.bytesWritten += chunk.byteLength;
          done();
        }, (error) => done(asReset(error)));
      });
    }

    override _writev(chunks: readonly { chunk: Uint8Array }[], done: Callback): void {
      this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "buffer", done);
    }

    override _final(done: Callback): void {
      this.#connected((connection) => {
        // The other side may have closed already, which is what is asked for.
        connection.closeWrite().then(() => done(), () => done());
      });
    }

    override _destroy(error: Error | null, done: Callback): void {
      this.connecting = false;
      if (this.#timer !== null) clearTimeout(this.#timer);
      try {
        this.#connection?.close();
      } catch {
        // It is closed.
      }
      done(error);
    }

    destroySoon(): void {
      if (this.writable) this.end();
      if (this.writableFinished) this.destroy();
      else this.once("finish", () => this.destroy());
    }

    setTimeout(ms: number, listener?: () => void): this {
      this.timeout = ms;
      if (listener !== undefined) {
        if (ms === 0) this.removeListener("timeout", listener);
        else this.once("timeout", listener);
      }
      this.#touch();
      return this;
    }

    /** Something moved: the time without a movement starts anew. */
    #touch(): void {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = this.timeout > 0 && !this.destroyed
        ? setTimeout(() => this.emit("timeout"), this.timeout)
        : null;
    }

    get readyState(): string {
      if (this.connecting) return "opening";
      if (this.readable && this.writable) return "open";
      return this.readable ? "readOnly" : this.writable ? "writeOnly" : "closed";
    }

    address(): Record<string, unknown> {
      return { address: this.localAddress, port: this.localPort, family: "IPv4" };
    }

    // The process lives as long as the server wants it to, and the gateway's connection is local.
    ref(): this {
      return this;
    }

    unref(): this {
      return this;
    }

    setNoDelay(): this {
      return this;
    }

    setKeepAlive(): this {
      return this;
    }
  };
}

/** `(options, listener)`, `(port, host, listener)` and `(path)` as one thing. */
export function connectArguments(
  args: readonly unknown[],
): { options: ConnectOptions; listener: (() => void) | null } {
  const last = args.at(-1);
  const listener = typeof last === "function" ? last as () => void : null;
  const [first, second] = args;
  if (typeof first === "object" && first !== null) return { options: first, listener };
  if (typeof first === "string" && !/^\d+$/.test(first)) {
    return { options: { path: first }, listener };
  }
  const host = typeof second === "string" ? { host: second } : {};
  return { options: { port: first as number, ...host }, listener };
}

async function readSome(connection: Deno.TcpConn): Promise<Buffer | null> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  const count = await connection.read(chunk);
  return count === null ? null : chunk.subarray(0, count);
}

/** As the libraries know it. */
function asReset(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message), { code: "ECONNRESET", errno: "ECONNRESET" });
}
