/** Sends what webhooks and REST hooks are told, to public addresses and those that were granted. */
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { errorMessage } from "../errors.ts";
import { admit, Refusal } from "../plugins/egress/admission.ts";
import { EVERY_PUBLIC_HOST } from "../plugins/grants/grant.ts";

export interface HookClientOptions {
  /** Private addresses that hooks may reach: `host` or `host:port`. */
  readonly grants: readonly string[];
  /** For the whole of a request. */
  readonly timeoutMs: number;
}

export type HookAnswer =
  | { readonly kind: "answered"; readonly status: number }
  /** It may not be sent there; another try will not change that. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Nothing came back. */
  | { readonly kind: "failed"; readonly reason: string };

export class HookClient {
  readonly #grants: readonly string[];
  readonly #timeoutMs: number;

  constructor({ grants, timeoutMs }: HookClientOptions) {
    this.#grants = [EVERY_PUBLIC_HOST, ...grants];
    this.#timeoutMs = timeoutMs;
  }

  /**
   * POSTs JSON. Redirects are not followed: where they lead was not what was checked. Never rejects.
   */
  async post(target: string, body: string): Promise<HookAnswer> {
    const url = URL.canParse(target) ? new URL(target) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) {
      return { kind: "refused", reason: "it is no address of http or https" };
    }
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
      const { addresses } = await admit({ grants: this.#grants }, url.hostname, port);
      return { kind: "answered", status: await send(url, body, addresses, signal) };
    } catch (error) {
      if (error instanceof Refusal && error.status !== 502) {
        return { kind: "refused", reason: error.message };
      }
      const isLate = error instanceof Error && /^(AbortError|TimeoutError)$/.test(error.name);
      const reason = isLate ? `no answer within ${this.#timeoutMs / 1000} s` : errorMessage(error);
      return { kind: "failed", reason };
    }
  }
}

/** Resolves with the status. The connection is made to an address that was checked, and to no other. */
function send(
  url: URL,
  body: string,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const checked = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const lookup: LookupFunction = (_host, options, done) => {
    if (options.all) done(null, checked);
    else done(null, checked[0]?.address ?? "", checked[0]?.family);
  };
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    const sent = request(url, {
      method: "POST",
      // A connection of its own, closed afterwards: a kept one would pass by the check.
      agent: false,
      lookup,
      signal,
      headers: {
        "content-type": "application/json",
        "content-length": new TextEncoder().encode(body).byteLength,
      },
    }, (response) => {
      // What it says beyond the status is of no interest, however much it is.
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
