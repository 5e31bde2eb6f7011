import ipaddr from "ipaddr.js";
import { PaddockError } from "../errors.ts";

type Address = ReturnType<typeof ipaddr.process>;

/** Finds out who sent a request, behind proxies that the operator trusts. */
export class ClientAddress {
  readonly #trusted: readonly [Address, number][];

  /**
   * @param trusted addresses and CIDR ranges
   * @throws PaddockError PDK_CONFIG_INVALID naming the entry that is neither
   */
  constructor(trusted: readonly string[]) {
    this.#trusted = trusted.map((entry) => {
      try {
        if (entry.includes("/")) return ipaddr.parseCIDR(entry);
        const address = ipaddr.process(entry);
        return [address, address.kind() === "ipv4" ? 32 : 128];
      } catch {
        throw new PaddockError(
          "PDK_CONFIG_INVALID",
          `TRUSTED_PROXIES: '${entry}' is neither an address nor a CIDR range`,
        );
      }
    });
  }

  /** The nearest address that is no trusted proxy; what others claim beyond it is not believed. */
  of(peer: string, forwardedFor: string | null): string {
    const hops = (forwardedFor ?? "").split(",").map((hop) => hop.trim()).filter(Boolean);
    let client = peer;
    while (hops.length > 0 && this.#isTrusted(client)) {
      const hop = hops.pop() as string;
      if (!ipaddr.isValid(hop)) break;
      client = hop;
    }
    return ipaddr.isValid(client) ? ipaddr.process(client).toString() : client;
  }

  #isTrusted(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return this.#trusted.some(([range, bits]) =>
      range.kind() === parsed.kind() && parsed.match(range, bits)
    );
  }
}
