/** The console on an address of its own: what captures events is open to everybody, this is not. */
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import { ClientAddress } from "../http/client_address.ts";
import { eventRoutes } from "./api/events.ts";
import { overviewRoutes } from "./api/overview.ts";
import { pluginChangeRoutes } from "./api/plugin_changes.ts";
import { pluginRoutes } from "./api/plugins.ts";
import { consoleApp } from "./console_app.ts";
import type { ConsoleEnv } from "./console_env.ts";
import type { ConsoleParts } from "./console_parts.ts";

export interface ConsoleOptions {
  readonly host: string;
  readonly port: number;
  /** Take any free port where somebody else has this one. */
  readonly anyPort: boolean;
  readonly token: string | null;
  readonly trustedProxies: readonly string[];
}

export class ConsoleServer {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Listens at once; throws Deno.errors.AddrInUse where somebody else does. */
  constructor(parts: ConsoleParts, { host, port, anyPort, ...options }: ConsoleOptions) {
    const api = new Hono<ConsoleEnv>();
    for (
      const routes of [overviewRoutes, pluginRoutes, pluginChangeRoutes, eventRoutes]
    ) api.route("/", routes(parts));
    const app = consoleApp({
      token: options.token,
      clients: new ClientAddress(options.trustedProxies),
    }, api);
    const serve = (port: number) =>
      Deno.serve(
        { hostname: host, port, onListen: () => {} },
        (request, { remoteAddr }) => app.fetch(request, { peer: remoteAddr.hostname }),
      );
    try {
      this.#server = serve(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || !anyPort) throw error;
      getLogger(["paddock", "console"]).info`port ${port} is taken: another one serves the console`;
      this.#server = serve(0);
    }
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
}
