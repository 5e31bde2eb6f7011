/** One thing that a plugin may reach: `host`, `host:port`, `*.host`, or `{config.key}` with a port. */
import ipaddr from "ipaddr.js";
import { PaddockError } from "../../errors.ts";
import type { JsonObject } from "../../events/types.ts";

const PLACEHOLDER = /^\{config\.([A-Za-z0-9_-]+)\}(?::(\d+))?$/;
const NAME = /^(\*\.)?(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/;

/** In place of a list of hosts: every public address. Only the operator's setting brings it. */
export const EVERY_PUBLIC_HOST = "*";

/**
 * Checks an entry as it is written in a manifest or a command, and returns it in lower case.
 * @throws PaddockError PDK_PLUGIN_MANIFEST saying what is wrong with it
 */
export function checkGrant(entry: string): string {
  const placeholder = PLACEHOLDER.exec(entry);
  if (placeholder !== null) {
    checkPort(entry, placeholder[2]);
    return entry;
  }
  if (/[\s,]/.test(entry)) {
    throw refuse(entry, "it holds a space or a comma; give one host at a time");
  }
  if (/[/?#@]/.test(entry)) throw refuse(entry, "it is an address of a page; give its host alone");
  const { host, port } = split(entry.toLowerCase());
  checkPort(entry, port);
  if (ipaddr.isValid(host)) return join(host, port);
  if (/^[\d.]+$/.test(host)) throw refuse(entry, "it is no address");
  if (!NAME.test(host)) throw refuse(entry, "it is no host name");
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
 * Puts a config's value where an entry has a placeholder.
 * @throws PaddockError PDK_PLUGIN_MANIFEST for a missing key, or a value that is no public host
 */
export function resolveGrant(entry: string, config: JsonObject): string {
  const placeholder = PLACEHOLDER.exec(entry);
  if (placeholder === null) return entry;
  const [, key = "", port] = placeholder;
  const value = config[key];
  if (typeof value !== "string" || value.trim() === "") {
    throw refuse(entry, `the config has no text '${key}'`);
  }
  const host = hostIn(value.trim());
  if (ipaddr.isValid(bare(host))) {
    const kind = ipaddr.process(bare(host)).range();
    // Only the operator, by the address itself, can let a plugin reach one that is not public.
    if (kind !== "unicast") {
      throw refuse(entry, `'${key}' is the address ${host}, which is ${kind}`);
    }
  }
  return checkGrant(port === undefined ? host : `${split(host).host}:${port}`);
}

/** The one spelling of a host and a port. */
function join(host: string, port: string | undefined): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}

/** The host of a value that is a host already, or an address with a scheme. */
function hostIn(value: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return value.replace(/\/.*$/, "");
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
  if (ipaddr.isValid(entry)) return { host: entry, port: undefined };
  const colon = entry.indexOf(":");
  return colon === -1
    ? { host: entry, port: undefined }
    : { host: entry.slice(0, colon), port: entry.slice(colon + 1) };
}

function bare(host: string): string {
  return split(host).host;
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
