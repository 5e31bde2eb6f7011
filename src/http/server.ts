/** The HTTP server: capture, health and the stub that client libraries ask for. */
import { getLogger } from "@logtape/logtape";
import type { HealthReport } from "../health.ts";
import type { CaptureHandler } from "./capture/handler.ts";

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
}

export interface HttpServerParts {
  readonly capture: CaptureHandler;
  readonly health: () => HealthReport;
  /** In Prometheus's text format. */
  readonly metrics: () => Promise<{ readonly body: string; readonly contentType: string }>;
}

const CAPTURE_PATHS = new Set(["/e", "/capture", "/track", "/batch", "/engage", "/s"]);

/** What client libraries of that era ask at start; every feature is off. */
const DECIDE = {
  config: { enable_collect_everything: true },
  editorParams: {},
  isAuthenticated: false,
  supportedCompression: ["gzip", "gzip-js", "lz64"],
  featureFlags: [],
  sessionRecording: false,
};

export class HttpServer {
  readonly #parts: HttpServerParts;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #log = getLogger(["paddock", "http"]);

  /** Listens at once; throws Deno.errors.AddrInUse where somebody else does. */
  constructor(parts: HttpServerParts, options: HttpServerOptions) {
    this.#parts = parts;
    this.#server = Deno.serve({
      hostname: options.host,
      port: options.port,
      onListen: () => {},
      onError: (error) => {
        this.#log.error`a request failed: ${String(error)}`;
        return Response.json({ status: 0 }, { status: 500 });
      },
    }, async (request, { remoteAddr }) => {
      const response = await this.#route(request, remoteAddr.hostname);
      return withCors(request, response);
    });
  }

  /** `http://host:port` */
  get address(): string {
    const { hostname, port } = this.#server.addr;
    return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** Accepts nothing more and waits for the requests under way. */
  async close(): Promise<void> {
    await this.#server.shutdown();
  }

  async #route(request: Request, peer: string): Promise<Response> {
    const path = new URL(request.url).pathname.replace(/\/+$/, "") || "/";
    if (path === "/_health") return Response.json({ status: "ok" });
    if (path === "/_ready") {
      const report = this.#parts.health();
      return Response.json(report, { status: report.ready ? 200 : 503 });
    }
    if (path === "/metrics") {
      const { body, contentType } = await this.#parts.metrics();
      return new Response(body, { headers: { "content-type": contentType } });
    }
    if (!CAPTURE_PATHS.has(path) && path !== "/decide") {
      return Response.json({ detail: `There is nothing at ${path}.` }, { status: 404 });
    }
    if (request.method === "OPTIONS") return new Response(null, { status: 204 });
    if (request.method !== "GET" && request.method !== "POST") {
      return Response.json({ detail: `${request.method} is not allowed.` }, {
        status: 405,
        headers: { allow: "GET, POST, OPTIONS" },
      });
    }
    if (path === "/decide") return Response.json(DECIDE);
    return await this.#parts.capture.handle(request, peer);
  }
}

/** Browsers send events from any site: the key says whose they are, not a cookie. */
function withCors(request: Request, response: Response): Response {
  const origin = request.headers.get("origin");
  if (origin === null) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-allow-credentials", "true");
  response.headers.set("access-control-allow-methods", "GET, POST, OPTIONS");
  response.headers.set("access-control-allow-headers", "X-Requested-With, Content-Type");
  response.headers.append("vary", "Origin");
  return response;
}
