/** Where IP addresses are, for plugins. */
import { errorMessage } from "../../errors.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

/** What is known of an address, as JSON text: what it has in common with others, and the rest. */
export interface CityText {
  readonly shared: string;
  readonly rest: string;
}

/** Who knows where addresses are. */
export interface Locator {
  /**
   * Null where nothing is known of the address.
   * @throws Error saying that there is no database
   */
  locate(ip: string): CityText | null;
}

/** The longest text that is an address, with a zone, is shorter. */
const MAX_ADDRESS = 100;

export class GeoIpCalls implements PluginApi {
  readonly #geoip: Locator;
  readonly #observer: Observer;

  constructor(geoip: Locator, observer: Observer = NOBODY) {
    this.#geoip = geoip;
    this.#observer = observer;
  }

  /** Safe to offer because a database of public facts is read, and nothing is kept of who asked. */
  call(
    _configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    const began = performance.now();
    const answers = calls.map((call) => this.#locate(call));
    this.#observer.located(calls.length, performance.now() - began);
    return Promise.resolve(answers);
  }

  #locate({ method, args: [ip] }: PluginCall): PluginCallResult {
    if (method !== "geoip.locate") return { ok: false, error: `${method} is not available` };
    try {
      const isText = typeof ip === "string" && ip.length <= MAX_ADDRESS;
      const city = isText ? this.#geoip.locate(ip) : null;
      return city === null ? { ok: true, value: null } : { ok: true, ...city };
    } catch (error) {
      return { ok: false, error: errorMessage(error) };
    }
  }
}
