/** `fetch` as plugins have it: through the server's egress gateway, within bounds. */
import { sendJson } from "./channel.ts";
import { FrameType, type LoadRequest } from "./frames.ts";

// Captured while this module loads, before any plugin text. The client and the native function stay
// in here: what plugins get is a function that always goes through the gateway.
const nativeFetch = fetch.bind(globalThis);
const createClient = Deno.createHttpClient.bind(Deno);
const { NotCapable } = Deno.errors;
const NativeRequest = Request;
const NativeURL = URL;
const NativeTypeError = TypeError;
const NativeError = Error;
const anySignal = AbortSignal.any.bind(AbortSignal);
const { freeze, setPrototypeOf } = Object;
const timeoutSignal = AbortSignal.timeout.bind(AbortSignal);

/** On an answer that is the gateway's own. */
const REFUSED_HEADER = "x-paddock-refused";

const MAX_REASON = 500;

export type EgressRequest = Pick<LoadRequest, "pluginId" | "egress" | "egressLimits">;

/**
 * Deno looks for members that are not there, and a getter that plugin code put on the prototype of
 * all objects would be called with these as its `this`: it could take the client out before Deno
 * comes to it.
 */
function withoutPrototype(
  init: RequestInit & { readonly client: Deno.HttpClient | undefined },
): RequestInit {
  return freeze(setPrototypeOf(init, null));
}

/** The way out of one worker. Closed until it is opened. */
export class EgressDoor {
  #client: Deno.HttpClient | undefined;
  #request: EgressRequest | null = null;
  #inFlight = 0;

  /** For `fetch` on the plugin's globals. */
  readonly fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
    this.#fetch(input, init);

  open(request: EgressRequest): void {
    this.#request = request;
    const { egress } = request;
    if (egress === null) return;
    this.#client = createClient({
      proxy: {
        url: `http://${egress.gateway}`,
        basicAuth: { username: "plugin", password: egress.secret },
      },
      // One request per connection at a time, so that the gateway's count of them is one of requests.
      http2: false,
    });
  }

  async #fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const limits = this.#request?.egressLimits;
    if (limits === undefined) throw new NativeTypeError("fetch is not available yet");
    if (this.#inFlight >= limits.requests) {
      const { host } = new NativeURL(input instanceof NativeRequest ? input.url : `${input}`);
      sendJson(FrameType.Refused, 0, { host, isOverLimit: true });
      throw new NativeTypeError(`fetch: ${limits.requests} requests are in flight: await some`);
    }
    this.#inFlight++;
    try {
      const given = init?.signal ?? (input instanceof NativeRequest ? input.signal : null);
      const timeout = timeoutSignal(limits.requestMs);
      const signal = given ? anySignal([given, timeout]) : timeout;
      const client = this.#client;
      const response = await nativeFetch(input, withoutPrototype({ ...init, signal, client }));
      if (response.headers.has(REFUSED_HEADER)) {
        const reason = (await response.text()).trim().slice(0, MAX_REASON);
        throw new NativeTypeError(`fetch failed: ${response.url} was refused: ${reason}`);
      }
      return response;
    } catch (error) {
      throw this.#explained(error);
    } finally {
      this.#inFlight--;
    }
  }

  /**
   * Deno's words are for the operator of a program; a plugin's author needs others. It refuses what
   * was not granted before it asks the gateway, and a granted name that resolves to a private IPv4
   * address while it does.
   */
  #explained(error: unknown): unknown {
    const words = error instanceof NotCapable
      ? error.message
      : error instanceof NativeTypeError && error.cause instanceof NativeError
      ? error.cause.message
      : "";
    const host = /Requires net access to "([^"]+)"/.exec(words)?.[1];
    if (host !== undefined) {
      sendJson(FrameType.Refused, 0, { host });
      return new NativeTypeError(
        `fetch failed: ${host} was not granted to this plugin. ` +
          `To allow it: paddock plugins grant ${this.#request?.pluginId} ${host}`,
      );
    }
    return error instanceof NotCapable
      ? new NativeTypeError("fetch failed: plugins reach hosts only")
      : error;
  }
}
