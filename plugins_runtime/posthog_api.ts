/** `posthog.api` as plugins have it. */
import { Buffer } from "node:buffer";
import { sendFrame, toBytes } from "./channel.ts";
import { encodeFrame, FrameType, MAX_CALLS_BYTES } from "./frames.ts";
import type { SiteAnswer, SiteMethod, SiteRequest } from "./site_frames.ts";

// Captured while this module loads, before any plugin text.
const { stringify } = JSON;
const { keys: keysOf, defineProperty } = Object;
const NativeResponse = Response;
const NativeURL = URL;
const fromBase64 = Buffer.from.bind(Buffer) as (text: string, encoding: "base64") => Uint8Array<
  ArrayBuffer
>;

/** As the server before took them. */
export interface ApiOptions {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly projectApiKey?: string;
  readonly personalApiKey?: string;
}

type ApiFunction = (path: string, options?: ApiOptions) => Promise<Response>;

/** What `posthog.api` is. */
export type PosthogApi = Readonly<Record<"get" | "post" | "put" | "delete", ApiFunction>>;

interface PendingRequest {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
}

/** Requests that the server makes for the plugin, with keys that the plugin never sees. */
export class SiteRequests {
  readonly #pending = new Map<number, PendingRequest>();
  #nextId = 1;

  send(request: SiteRequest): Promise<Response> {
    return new Promise((resolve, reject) => {
      const bytes = toBytes(stringify(request));
      if (bytes.byteLength > MAX_CALLS_BYTES) {
        throw new Error(
          `posthog.api was given ${bytes.byteLength} bytes; at most ${MAX_CALLS_BYTES} may be sent`,
        );
      }
      const id = this.#nextId++;
      sendFrame(encodeFrame(FrameType.SiteRequest, id, bytes));
      this.#pending.set(id, { resolve, reject });
    });
  }

  answered(id: number, answer: SiteAnswer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (!answer.ok) return pending?.reject(new Error(answer.error));
    try {
      pending?.resolve(responseOf(answer));
    } catch (error) {
      pending?.reject(error as Error);
    }
  }
}

/**
 * With keys of its own a plugin may name a host, which it then asks itself, as far as it was granted
 * it. Anything else the server asks for it, and only the site that the server is configured for.
 */
export function createApi(
  configId: number,
  requests: SiteRequests,
  fetch: (input: URL, init: RequestInit) => Promise<Response>,
): PosthogApi {
  const method = (method: SiteMethod): ApiFunction => async (path, options) => {
    const { host, headers = {}, data, projectApiKey, personalApiKey } = options ?? {};
    if (!projectApiKey !== !personalApiKey) {
      throw new Error("posthog.api: give both projectApiKey and personalApiKey, or neither");
    }
    const keys = projectApiKey && personalApiKey
      ? { project: `${projectApiKey}`, personal: `${personalApiKey}` }
      : null;
    if (host && keys !== null) {
      const [url, init] = ownRequest(method, new NativeURL(path, host), { headers, data, keys });
      return await fetch(url, init);
    }
    return await requests.send({
      configId,
      method,
      path: `${path}`,
      host: host ? `${host}` : null,
      headers: textsOf(headers),
      data: data ?? null,
      keys,
    });
  };
  return {
    get: method("GET"),
    post: method("POST"),
    put: method("PUT"),
    delete: method("DELETE"),
  };
}

function ownRequest(
  method: SiteMethod,
  url: URL,
  { headers, data, keys }: {
    readonly headers: Readonly<Record<string, string>>;
    readonly data: Readonly<Record<string, unknown>> | undefined;
    readonly keys: { readonly project: string; readonly personal: string };
  },
): [URL, RequestInit] {
  url.searchParams.set("token", keys.project);
  const hasBody = method === "POST" || method === "PUT";
  const given = data ?? {};
  if (!hasBody) {
    for (const name of keysOf(given)) url.searchParams.set(name, `${given[name]}`);
  }
  return [url, {
    method,
    headers: {
      ...(hasBody ? { "content-type": "application/json" } : {}),
      authorization: `Bearer ${keys.personal}`,
      ...textsOf(headers),
    },
    ...(hasBody && data !== undefined ? { body: stringify(data) } : {}),
  }];
}

/** Names in lower case, so that those of the plugin replace ours. */
function textsOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name of keysOf(headers)) texts[name.toLowerCase()] = `${headers[name]}`;
  return texts;
}

function responseOf(answer: Extract<SiteAnswer, { ok: true }>): Response {
  const { url, status, statusText, headers, body } = answer;
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  const response = new NativeResponse(hasBody ? fromBase64(body, "base64") : null, {
    status,
    statusText,
    headers: headers as [string, string][],
  });
  defineProperty(response, "url", { value: url });
  return response;
}
