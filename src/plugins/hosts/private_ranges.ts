/** Addresses that no plugin reaches unless that very address was granted. */
import ipaddr from "ipaddr.js";

/**
 * This machine, private networks, link-local (cloud metadata lives there) and carrier NAT. Deno
 * compares them with the address a name resolved to, so a public name of a private address is
 * refused as well. Ranges of IPv6 cannot be given to Deno; see docs/security.md.
 */
const RANGES = [
  "127.0.0.0/8",
  "0.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "100.64.0.0/10",
  "[::1]",
  "[::]",
];

/** The ranges to deny, less those that hold a granted address: in Deno a denial beats a grant. */
export function deniedRanges(grants: readonly string[]): string[] {
  const addresses = grants.map(hostOf).filter((host) => ipaddr.isValid(host))
    .map((host) => ipaddr.process(host));
  return RANGES.filter((range) => !addresses.some((address) => holds(range, address)));
}

function holds(range: string, address: ReturnType<typeof ipaddr.process>): boolean {
  if (range.startsWith("[")) {
    return address.kind() === "ipv6" && address.toString() === range.slice(1, -1);
  }
  const [network, bits] = ipaddr.parseCIDR(range);
  return network.kind() === address.kind() && address.match(network, bits);
}

/** `host`, `host:port`, `[v6]:port` → the host. */
function hostOf(grant: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(grant);
  return bracketed?.[1] ?? grant.replace(/:\d+$/, "");
}
