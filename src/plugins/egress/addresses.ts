/** Which addresses are public: everything else belongs to this machine or to somebody's network. */
import ipaddr from "ipaddr.js";

/** The only part of IPv6 from which public addresses are given out (RFC 4291, section 2.4). */
const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/** An IPv4 address in the last four bytes, for networks that only speak IPv6 (RFC 6052). */
const NAT64 = ipaddr.parseCIDR("64:ff9b::/96") as [ipaddr.IPv6, number];

/**
 * True for an address that anybody may be told about. Private, loopback, link-local (cloud metadata
 * lives there), carrier NAT, multicast, documentation and reserved ranges are not, and neither are
 * IPv6 forms with such an IPv4 address in them.
 * @param address as a resolver gives it; what is no address is not public
 */
export function isPublicAddress(address: string): boolean {
  // A zone, as in `fe80::1%eth0`, only makes sense on this machine.
  if (address.includes("%") || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.range() === "unicast";
  const v6 = parsed as ipaddr.IPv6;
  if (v6.match(NAT64)) return isPublicAddress(v6.toByteArray().slice(12).join("."));
  // Ranges with an IPv4 address in them (6to4, Teredo, …) have names of their own, and are refused.
  return v6.range() === "unicast" && v6.match(GLOBAL_UNICAST);
}

/** The one spelling of an address, brackets taken off; null for what is none. */
export function canonicalAddress(host: string): string | null {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (bare.includes("%")) return null;
  const isUsual = ipaddr.IPv4.isValidFourPartDecimal(bare) ||
    bare.includes(":") && ipaddr.IPv6.isValid(bare);
  return isUsual ? ipaddr.process(bare).toString() : null;
}
