/** Who may connect where: the gateway's decision, before it connects for a plugin. */
import { lookup } from "node:dns/promises";
import { errorMessage } from "../../errors.ts";
import { grantsCover } from "../grants/grant.ts";
import { canonicalAddress, isPublicAddress } from "./addresses.ts";

/** What one plugin process may use. */
export interface EgressTerms {
  readonly pluginId: number;
  readonly grants: readonly string[];
  /** Connections at a time. */
  readonly connections: number;
  /** In both directions. */
  readonly bytesPerMinute: number;
  /** A request may take so long, and so long nothing need move on a connection. */
  readonly requestMs: number;
}

/** A connection that may be made, to the first of these that answers. */
export interface Admission {
  readonly addresses: readonly string[];
  readonly port: number;
}

/** What an operator can do about a refusal: grant a `host:port`, or change a setting. */
export type Remedy = { readonly grant: string } | { readonly setting: string };

/** Why a connection is not made; `status` is the answer's in HTTP. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  /** Null where nothing was forbidden: the host does not answer, or there is none. */
  readonly remedy: Remedy | null;

  constructor(status: number, message: string, remedy: Remedy | null = null) {
    super(message);
    this.status = status;
    this.remedy = remedy;
  }
}

/** A host name as it may stand in a request. */
const NAME = /^[a-z0-9_]([a-z0-9_-]{0,62}\.)*[a-z0-9_-]{0,62}\.?$/i;

/**
 * Decides on one target. A name is resolved here and the connection is made to what it resolved to
 * now, so that there is no second look-up to answer differently. A private address is reached only
 * if that very address was granted: a grant for a name never leads to one.
 * @throws Refusal with the reason
 */
export async function admit(
  terms: Pick<EgressTerms, "grants">,
  host: string,
  port: number,
  resolve: (name: string) => Promise<string[]> = resolveName,
): Promise<Admission> {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Refusal(400, "no such port");
  const address = canonicalAddress(host);
  const name = host.toLowerCase().replace(/\.$/, "");
  if (address === null && (name.length > 253 || !NAME.test(name))) {
    throw new Refusal(400, "it is no host name");
  }
  if (address !== null) {
    // A literal address is covered by itself, or as any public one by the grant of all of them.
    if (grantsCover(terms.grants, address, port, isPublicAddress(address))) {
      return { addresses: [address], port };
    }
    throw notGranted(address, port);
  }
  if (!grantsCover(terms.grants, name, port, true)) throw notGranted(name, port);
  let found: string[];
  try {
    found = await resolve(name);
  } catch (error) {
    throw new Refusal(502, `it does not resolve: ${errorMessage(error)}`);
  }
  const addresses = found.filter(isPublicAddress);
  if (addresses.length === 0) {
    throw new Refusal(
      403,
      `it resolves to ${found.join(", ") || "nothing"}, which is not public; ` +
        "grant the address itself if it is meant",
      found[0] === undefined ? null : { grant: targetOf(found[0], port) },
    );
  }
  return { addresses, port };
}

function notGranted(host: string, port: number): Refusal {
  return new Refusal(403, "it was not granted", { grant: targetOf(host, port) });
}

function targetOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function resolveName(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
