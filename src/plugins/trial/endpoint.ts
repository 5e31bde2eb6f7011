/** The web server that a fixture stands in for the outside with. */
import type { FixtureResponse } from "./fixture.ts";

/** A request as a fixture expects it. */
export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON where it is that, a text otherwise. */
  readonly body: unknown;
}

export class FixtureEndpoint {
  readonly requests: SeenRequest[] = [];
  readonly #responses: ReadonlyMap<string, readonly FixtureResponse[]>;
  readonly #served = new Map<string, number>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Listens on a free port of this machine, until it is closed. */
  constructor(responses: ReadonlyMap<string, readonly FixtureResponse[]>) {
    this.#responses = responses;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** `host:port` */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    this.requests.push({
      method: request.method,
      path: `${pathname}${search}`,
      headers: Object.fromEntries(request.headers),
      body: jsonOrText(text),
    });
    const name = `${request.method} ${pathname}`;
    const served = this.#served.get(name) ?? 0;
    this.#served.set(name, served + 1);
    const responses = this.#responses.get(name) ?? [];
    const response = responses[Math.min(served, responses.length - 1)];
    if (response === undefined) return new Response(`no response for ${name}`, { status: 404 });
    const { status, headers, body } = response;
    const isText = typeof body === "string";
    const type = isText ? "text/plain" : "application/json";
    const hasBody = status !== 204 && status !== 304;
    return new Response(hasBody ? isText ? body : JSON.stringify(body) : null, {
      status,
      headers: { ...(hasBody ? { "content-type": type } : {}), ...headers },
    });
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
