/** Where IP addresses are, for plugins. */
import { errorMessage } from "../../errors.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

/** Who knows where addresses are. */
export interface Locator {
  /** @throws Error saying that there is no database */
  locate(ip: string): unknown;
}

/** The longest text that is an address, with a zone, is shorter. */
const MAX_ADDRESS = 100;

export class GeoIpCalls implements PluginApi {
  readonly #geoip: Locator;

  constructor(geoip: Locator) {
    this.#geoip = geoip;
  }

  /** Safe to offer because a database of public facts is read, and nothing is kept of who asked. */
  call(
    _configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    return Promise.resolve(calls.map((call) => this.#locate(call)));
  }

  #locate({ method, args: [ip] }: PluginCall): PluginCallResult {
    if (method !== "geoip.locate") return { ok: false, error: `${method} is not available` };
    try {
      const isText = typeof ip === "string" && ip.length <= MAX_ADDRESS;
      return { ok: true, value: isText ? this.#geoip.locate(ip) : null };
    } catch (error) {
      return { ok: false, error: errorMessage(error) };
    }
  }
}
