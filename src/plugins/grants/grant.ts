/**
 * One thing that a plugin may reach: `host`, `host:port`, `*.host`, or the same with `{config.key}`
 * in it, which stands for a value of the plugin's config. Without a port it is every port.
 */
import ipaddr from "ipaddr.js";
import { errorMessage, PaddockError } from "../../errors.ts";
import type { JsonObject } from "../../events/types.ts";

/** In place of a list of hosts: every public address. Only the operator's setting brings it. */
export const EVERY_PUBLIC_HOST = "*";

const PLACEHOLDER = /^([a-z0-9.-]*)\{config\.([A-Za-z0-9_-]+)\}([a-z0-9.-]*)(?::(.*))?$/;
const NAME = /^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const MAX_NAME = 253;

/**
 * Checks an entry as an operator writes it, and returns its one spelling: names in lower case,
 * addresses in their usual form.
 * @throws PaddockError PDK_PLUGIN_MANIFEST saying what is wrong with it
 */
export function checkGrant(entry: string): string {
  if (/[\s,;]/.test(entry)) {
    throw refuse(entry, "it holds a space, a comma or a semicolon; give one host at a time");
  }
  if (/[{}]/.test(entry)) return checkPlaceholder(entry);
  if (/[/?#@%\\]/.test(entry)) {
    throw refuse(entry, "it is an address of a page; give its host alone");
  }
  const { host, port } = split(entry.toLowerCase());
  checkPort(entry, port);
  if (isAddress(host)) return join(ipaddr.process(host).toString(), port);
  // Other ways to write an address, such as 0x7f.1, which resolvers take.
  if (/(^|\.)(0x[0-9a-f]*|\d+)$/.test(host)) throw refuse(entry, "it is no address");
  if (host === "*") throw refuse(entry, "it is for every host");
  if (host.length > MAX_NAME || !NAME.test(host)) throw refuse(entry, "it is no host name");
  if (host.startsWith("*.") && host.split(".").length < 3) {
    throw refuse(entry, "the wildcard would be for everything under a top-level domain");
  }
  if (isLocalName(host)) {
    throw refuse(
      entry,
      "it names this machine; grant the address, such as 127.0.0.1:8080, instead",
    );
  }
  return join(host, port);
}

/**
 * Checks an entry as a plugin's manifest asks for it. An address that is not public cannot be asked
 * for: only an operator knows what lives there, and grants it unasked.
 * @throws PaddockError PDK_PLUGIN_MANIFEST saying what is wrong with it
 */
export function checkRequest(entry: string): string {
  const checked = checkGrant(entry);
  if (placeholderOf(checked) === null) refusePrivate(entry, split(checked).host);
  return checked;
}

/** The config key that an entry takes its host from, or null. */
export function placeholderOf(entry: string): string | null {
  return PLACEHOLDER.exec(entry)?.[2] ?? null;
}

/**
 * Puts a config's value where an entry has a placeholder. The value may be a host, or the address of
 * a page on it; where the entry has more than the placeholder, it is a part of a name.
 * @throws PaddockError PDK_PLUGIN_MANIFEST for a missing key, or a value that is no public host
 */
export function resolveGrant(entry: string, config: JsonObject): string {
  const placeholder = PLACEHOLDER.exec(entry);
  if (placeholder === null) return entry;
  const [, before = "", key = "", after = "", port] = placeholder;
  const value = Object.hasOwn(config, key) ? config[key] : undefined;
  if (typeof value !== "string" || value.trim() === "") {
    throw refuse(entry, `the config has no text '${key}'`);
  }
  const isWhole = before === "" && after === "";
  const given = isWhole ? hostIn(value.trim()) : before + value.trim().toLowerCase() + after;
  try {
    if (given.includes("*")) throw refuse(given, "a config does not choose wildcards");
    if (given.includes("{")) throw refuse(given, "a config does not name another key");
    const { host, port: givenPort } = split(given);
    if (!isWhole && givenPort !== undefined) throw refuse(given, "it has a port inside its name");
    const resolved = checkGrant(joinGiven(host, port ?? givenPort));
    // Only the operator, by the address itself, can let a plugin reach one that is not public.
    refusePrivate(resolved, split(resolved).host);
    return resolved;
  } catch (error) {
    throw refuse(entry, `with the config's '${key}', ${errorMessage(error)}`);
  }
}

/**
 * True if one of the grants is for this host and port. `*.example.com` is for all names below it and
 * for `example.com`, which is how Deno reads its permissions.
 * @param host a name in lower case without a dot at its end, or an address in its usual form
 * @param isPublic whether the grant of every public host covers it
 */
export function grantsCover(
  grants: readonly string[],
  host: string,
  port: number,
  isPublic: boolean,
): boolean {
  return grants.some((grant) => {
    if (grant === EVERY_PUBLIC_HOST) return isPublic;
    const { host: granted, port: grantedPort } = split(grant);
    if (grantedPort !== undefined && Number(grantedPort) !== port) return false;
    if (granted === host) return true;
    return granted.startsWith("*.") &&
      (host === granted.slice(2) || host.endsWith(granted.slice(1)));
  });
}

function checkPlaceholder(entry: string): string {
  const placeholder = PLACEHOLDER.exec(entry);
  if (placeholder === null) {
    throw refuse(entry, "the only thing in braces is {config.key}, once, as a part of a host name");
  }
  checkPort(entry, placeholder[4]);
  return entry;
}

function refusePrivate(entry: string, host: string): void {
  if (!isAddress(host)) return;
  const range = ipaddr.process(host).range();
  if (range === "unicast") return;
  throw refuse(
    entry,
    `the address is not public (${range}), so only an operator can grant it, as itself`,
  );
}

/** Only the usual forms: a number alone is an address to some resolvers, and nobody means it. */
function isAddress(host: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(host) ||
    host.includes(":") && ipaddr.IPv6.isValid(host) && !host.includes("%");
}

/** The one spelling of a host and a port. */
function join(host: string, port: string | undefined): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${Number(port)}`;
}

/** The same for what is not checked yet. */
function joinGiven(host: string, port: string | undefined): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}

/** The host of a value that is a host already, or an address with a scheme. */
function hostIn(value: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return value.replace(/\/.*$/, "").toLowerCase();
  try {
    const url = new URL(value);
    const usual: Record<string, string> = { "http:": "80", "https:": "443" };
    const port = url.port || usual[url.protocol];
    return port === undefined ? url.hostname : `${url.hostname}:${port}`;
  } catch {
    return value;
  }
}

function split(entry: string): { host: string; port: string | undefined } {
  const v6 = /^\[([^\]]*)\](?::(.*))?$/.exec(entry);
  if (v6 !== null) return { host: v6[1] ?? "", port: v6[2] };
  if (isAddress(entry)) return { host: entry, port: undefined };
  const colon = entry.indexOf(":");
  return colon === -1
    ? { host: entry, port: undefined }
    : { host: entry.slice(0, colon), port: entry.slice(colon + 1) };
}

function isLocalName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

function checkPort(entry: string, port: string | undefined): void {
  if (port === undefined) return;
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    throw refuse(entry, "its port is not a number from 1 to 65535");
  }
}

function refuse(entry: string, reason: string): PaddockError {
  return new PaddockError("PDK_PLUGIN_MANIFEST", `the host '${entry}' is refused: ${reason}`);
}
