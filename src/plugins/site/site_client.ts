/** Requests to the API of the PostHog site, made for plugins with keys that they never see. */
import { Buffer } from "node:buffer";
import type { SiteAnswer, SiteRequest } from "../../../plugins_runtime/site_frames.ts";
import { errorMessage } from "../../errors.ts";
import type { PluginConfig } from "../types.ts";
import { addressOf, checkData } from "./site_address.ts";

/** What a request is sent with. */
export interface SiteKeys {
  /** The project's, which says whose data is meant. */
  readonly project: string;
  /** A person's or a bot's, which opens the door. */
  readonly personal: string;
}

/** Where the keys of a plugin's project come from. */
export interface SiteKeyStore {
  keysOf(teamId: number): Promise<SiteKeys>;
  /** The site did not take them. */
  forget(teamId: number): void;
}

/** What plugin hosts ask. Never rejects: what goes wrong is in the answer. */
export interface PluginSite {
  request(config: PluginConfig, request: SiteRequest, signal: AbortSignal): Promise<SiteAnswer>;
}

const MAX_REDIRECTS = 5;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Headers that are not the plugin's to choose: who the request is for, how it is sent, and what a
 * server in front of the site says of its sender.
 */
const OWN_HEADER =
  /^(?:host|cookie|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|forwarded|via|x-forwarded-.*|x-real-.*|x-original-.*|x-rewrite-.*|x-http-method.*|proxy-.*|sec-.*)$/;

/** Headers of an answer that mean nothing once it was read, or that are secret. */
const DROPPED_HEADER =
  /^(?:set-cookie|connection|transfer-encoding|content-length|content-encoding)$/;

export class SiteClient implements PluginSite {
  readonly #site: URL | null;
  readonly #keys: SiteKeyStore;

  /** @param site null where none is configured: every request is refused then */
  constructor(site: URL | null, keys: SiteKeyStore) {
    this.#site = site;
    this.#keys = keys;
  }

  /**
   * Safe to offer because the keys go to the configured site alone: a path, a host or a redirect
   * that leads anywhere else is refused before anything is sent, and the answer is all that the
   * plugin sees. The key opens what a member of the organization may do, so that projects of one
   * organization are not fenced from each other by it; other projects are refused by name.
   */
  async request(
    config: PluginConfig,
    request: SiteRequest,
    signal: AbortSignal,
  ): Promise<SiteAnswer> {
    try {
      return await this.#request(config, request, signal);
    } catch (error) {
      const reason = signal.aborted
        ? "there was no answer in time"
        : error instanceof TypeError
        ? `${this.#site?.origin} cannot be reached now`
        : errorMessage(error);
      return { ok: false, error: `posthog.api: ${reason}` };
    }
  }

  async #request(
    { teamId }: PluginConfig,
    { method, path, host, headers, data, keys: given }: SiteRequest,
    signal: AbortSignal,
  ): Promise<SiteAnswer> {
    const site = this.#site;
    if (site === null) throw new Error("the server's setting SITE_URL is not set");
    let url = addressOf(site, path, host, teamId);
    const members = dataOf(data);
    checkData(members);
    const keys = given ?? await this.#keys.keysOf(teamId);
    const hasBody = method === "POST" || method === "PUT";
    if (!hasBody) {
      for (const [name, value] of Object.entries(members)) {
        url.searchParams.set(name, queryText(value));
      }
    }
    const init: RequestInit = {
      method,
      headers: {
        ...(hasBody ? { "content-type": "application/json" } : {}),
        ...allowedHeaders(headers),
        authorization: `Bearer ${keys.personal}`,
      },
      redirect: "manual",
      signal,
      ...(hasBody ? { body: JSON.stringify(members) } : {}),
    };
    for (let redirects = 0;; redirects++) {
      url.searchParams.set("token", keys.project);
      const response = await fetch(url, init);
      const location = response.headers.get("location");
      const isRedirect = response.status >= 300 && response.status < 400 && location !== null;
      if (!isRedirect || method !== "GET") {
        if (response.status === 401 && given === null) this.#keys.forget(teamId);
        return await answerOf(url, response);
      }
      await response.body?.cancel();
      if (redirects >= MAX_REDIRECTS) throw new Error(`over ${MAX_REDIRECTS} redirects`);
      const target = new URL(location, url);
      target.searchParams.delete("token");
      url = addressOf(site, target.href, null, teamId);
    }
  }
}

function dataOf(data: unknown): Readonly<Record<string, unknown>> {
  if (data === null || data === undefined) return {};
  if (typeof data !== "object" || Array.isArray(data)) throw new Error("'data' is not an object");
  return data as Record<string, unknown>;
}

function queryText(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function allowedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !OWN_HEADER.test(name.toLowerCase())),
  );
}

async function answerOf(url: URL, response: Response): Promise<SiteAnswer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer has over ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const shown = new URL(url);
  shown.searchParams.delete("token");
  return {
    ok: true,
    url: shown.href,
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers].filter(([name]) => !DROPPED_HEADER.test(name)),
    body: Buffer.concat(chunks).toString("base64"),
  };
}
