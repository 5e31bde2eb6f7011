/** Addresses that Deno denies to a plugin process, whatever its code does. */
import ipaddr from "ipaddr.js";

/**
 * This machine, private networks, link-local (cloud metadata lives there) and carrier NAT. Deno
 * compares them with the address a name resolved to, so a public name of a private address is
 * refused as well. Ranges of IPv6 cannot be given to Deno: those are closed by the egress gateway.
 */
const RANGES = [
  "127.0.0.0/8",
  "0.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "100.64.0.0/10",
];
const V6_ADDRESSES = ["::1", "::"];

/**
 * The ranges to deny, less the very addresses that are allowed: in Deno a denial beats a permission.
 * @param allowed `host`, `host:port` or `[v6]:port`; names do not take anything away
 */
export function deniedRanges(allowed: readonly string[]): string[] {
  const addresses = allowed.map(hostOf).filter((host) => ipaddr.isValid(host))
    .map((host) => ipaddr.process(host));
  const v4 = addresses.filter((address) => address.kind() === "ipv4").map(numberOf);
  const v6 = addresses.map((address) => address.toString());
  return [
    ...RANGES.flatMap((range) => {
      const [network, bits] = ipaddr.parseCIDR(range);
      return without(numberOf(network), bits, v4);
    }),
    ...V6_ADDRESSES.filter((address) => !v6.includes(address)).map((address) => `[${address}]`),
  ];
}

/** A range of IPv4 less some addresses: halves that hold none of them stay whole. */
function without(network: number, bits: number, addresses: readonly number[]): string[] {
  const size = 2 ** (32 - bits);
  const inside = addresses.filter((address) => address >= network && address < network + size);
  if (inside.length === 0) return [`${textOf(network)}/${bits}`];
  if (bits === 32) return [];
  const half = size / 2;
  return [
    ...without(network, bits + 1, inside),
    ...without(network + half, bits + 1, inside),
  ];
}

function numberOf(address: ReturnType<typeof ipaddr.process>): number {
  return address.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** `host`, `host:port`, `[v6]:port` → the host. */
function hostOf(grant: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(grant);
  return bracketed?.[1] ?? grant.replace(/:\d+$/, "");
}
