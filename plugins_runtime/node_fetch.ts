/**
 * `fetch` as plugins know it: one function, as a global and as the module `node-fetch`, whose answers
 * have the methods of that module's second version beside those of the language.
 */
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";

type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** What `node-fetch` takes beside the language's options. Others of its own have no effect here. */
interface NodeFetchInit extends Omit<RequestInit, "body"> {
  readonly body?: unknown;
  /** Milliseconds for the answer, its body included; 0 is none. */
  readonly timeout?: number;
}

// Captured while this module loads.
const anySignal = AbortSignal.any.bind(AbortSignal);
const timeoutSignal = AbortSignal.timeout.bind(AbortSignal);
const NativeSyntaxError = SyntaxError;

/** Thrown where no answer came, or none that could be read. */
export class FetchError extends Error {
  override readonly name = "FetchError";
  /** `system`, `request-timeout`, `body-timeout` or `invalid-json`. */
  readonly type: string;
  readonly code?: string;
  readonly errno?: string;

  constructor(message: string, type: string, code?: string) {
    super(message);
    this.type = type;
    if (code !== undefined) [this.code, this.errno] = [code, code];
  }
}

/** The name of what a signal of the plugin's leads to; for `instanceof`. */
class AbortError extends Error {
  override readonly name = "AbortError";
  readonly type = "aborted";
}

/** The function, and the module: its members are those that plugins import. */
export function createNodeFetch(fetch: Fetch): Fetch {
  const nodeFetch = async (input: RequestInfo | URL, init?: NodeFetchInit): Promise<Response> => {
    const { timeout = 0, body, ...rest } = init ?? {};
    const own = timeout > 0 ? timeoutSignal(timeout) : null;
    const given: RequestInit = { ...rest };
    if (isNodeStream(body)) {
      given.body = Readable.toWeb(body) as unknown as BodyInit;
      Object.assign(given, { duplex: "half" });
    } else if (body !== undefined && body !== null) given.body = body as BodyInit;
    if (own !== null) given.signal = rest.signal ? anySignal([rest.signal, own]) : own;
    try {
      return await fetch(input, given);
    } catch (error) {
      if (own?.aborted) {
        throw new FetchError(`network timeout at: ${addressOf(input)}`, "request-timeout");
      }
      throw asFetchError(error);
    }
  };
  const members = {
    default: nodeFetch,
    Headers,
    Request,
    Response,
    FetchError,
    AbortError,
    isRedirect: (status: number) => [301, 302, 303, 307, 308].includes(status),
  };
  return Object.assign(nodeFetch, members) as Fetch;
}

/** Gives answers the methods that only `node-fetch` has. To be called before any plugin text. */
export function extendResponses(): void {
  const json = Response.prototype.json;
  const arrayBuffer = Response.prototype.arrayBuffer;
  const body = Object.getOwnPropertyDescriptor(Response.prototype, "body")?.get;
  if (body === undefined) throw new Error("responses have no body");
  define(Response.prototype, "buffer", async function (this: Response) {
    return Buffer.from(await arrayBuffer.call(this));
  });
  define(Response.prototype, "json", async function (this: Response) {
    try {
      return await json.call(this);
    } catch (error) {
      if (!(error instanceof NativeSyntaxError)) throw error;
      const message = `invalid json response body at ${this.url} reason: ${error.message}`;
      throw new FetchError(message, "invalid-json");
    }
  });
  define(Headers.prototype, "raw", function (this: Headers) {
    return Object.fromEntries([...this.keys()].map((name) => [name, valuesOf(this, name)]));
  });
  Object.defineProperty(Response.prototype, "body", {
    get(this: Response) {
      const stream = body.call(this) as ReadableStream | null;
      return stream === null ? null : withNodeMethods(stream);
    },
    configurable: true,
    enumerable: true,
  });
}

function valuesOf(headers: Headers, name: string): string[] {
  return name === "set-cookie" ? headers.getSetCookie() : [headers.get(name) as string];
}

/** The language's stream, which a plugin may also use as Node's. */
function withNodeMethods(stream: ReadableStream): ReadableStream {
  if (Object.hasOwn(stream, "pipe")) return stream;
  let readable: Readable | null = null;
  const node = () =>
    readable ??= Readable.fromWeb(stream as unknown as Parameters<typeof Readable.fromWeb>[0]);
  for (const name of ["pipe", "on", "once", "destroy"] as const) {
    define(stream, name, (...args: unknown[]) => {
      const target = node();
      return (target[name] as (...args: unknown[]) => unknown).apply(target, args);
    });
  }
  return stream;
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** What a plugin's signal caused stays what it is; so does what was wrong with the arguments. */
function asFetchError(error: unknown): unknown {
  if (!(error instanceof TypeError) || !/^fetch failed/i.test(error.message)) return error;
  const { message } = error;
  const code = message.includes("does not resolve")
    ? "ENOTFOUND"
    : message.includes("does not answer")
    ? "ECONNREFUSED"
    : / was (?:not granted|refused)/.test(message)
    ? "EACCES"
    : "ECONNRESET";
  return new FetchError(message, "system", code);
}

function isNodeStream(value: unknown): value is Readable {
  return typeof value === "object" && value !== null && !(value instanceof ReadableStream) &&
    typeof (value as { pipe?: unknown }).pipe === "function";
}

function addressOf(input: RequestInfo | URL): string {
  return input instanceof Request ? input.url : `${input}`;
}
