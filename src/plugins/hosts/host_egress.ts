/** The way of one plugin's processes to the hosts that were granted to it. */
import type { Egress, EgressPass, EgressRefusal } from "../egress/egress_gateway.ts";
import type { PluginSpec } from "../types.ts";
import type { EgressLimits } from "./host_parts.ts";
import type { RefusedHost } from "./host_reports.ts";

export class HostEgress {
  readonly #egress: Egress;
  readonly #spec: PluginSpec;
  readonly #limits: EgressLimits;
  readonly #passes = new Set<EgressPass>();
  #isClosed = false;

  constructor(egress: Egress, spec: PluginSpec, limits: EgressLimits) {
    this.#egress = egress;
    this.#spec = spec;
    this.#limits = limits;
  }

  /**
   * For a process that starts; null where there is nothing to reach.
   * @throws Error where the gateway does not run
   */
  async open(): Promise<EgressPass | null> {
    const { grants, id: pluginId } = this.#spec;
    if (grants.length === 0 || this.#isClosed) return null;
    const { requests, requestMs, bytesPerMinute } = this.#limits;
    const pass = await this.#egress.open({
      pluginId,
      grants,
      // Idle connections that are kept for the next request count too.
      connections: requests * 2,
      requestMs,
      bytesPerMinute,
    });
    this.#passes.add(pass);
    if (this.#isClosed) this.end(pass);
    return pass;
  }

  /** The process that had it is gone. */
  end(pass: EgressPass | null): void {
    if (pass !== null && this.#passes.delete(pass)) this.#egress.revoke(pass);
  }

  /** Ends every connection at once, and opens none any more. */
  close(): void {
    this.#isClosed = true;
    for (const pass of [...this.#passes]) this.end(pass);
  }
}

/** What a plugin was refused in its own process, as the gateway would say it. */
export function refusalOf(
  pluginId: number,
  { host, port, isOverLimit }: RefusedHost,
): EgressRefusal {
  const target = { pluginId, host, port };
  return isOverLimit
    ? {
      ...target,
      reason: "too many requests at a time",
      remedy: { setting: "PLUGIN_REQUESTS_IN_FLIGHT" },
    }
    : {
      ...target,
      reason: "it was not granted",
      remedy: { grant: port > 0 ? `${host}:${port}` : host },
    };
}
