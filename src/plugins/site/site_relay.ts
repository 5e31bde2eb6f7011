/** The requests to the site of one plugin process: so many at a time, and none that outlives it. */
import { encodeFrame, type Frame, FrameType } from "../../../plugins_runtime/frames.ts";
import type { SiteAnswer, SiteMethod, SiteRequest } from "../../../plugins_runtime/site_frames.ts";
import type { PluginConfig } from "../types.ts";
import type { PluginSite } from "./site_client.ts";

export interface SiteRelayLimits {
  /** At a time. */
  readonly requests: number;
  /** Of one request, its answer included. */
  readonly requestMs: number;
}

const METHODS = new Set<unknown>(["GET", "POST", "PUT", "DELETE"]);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class SiteRelay {
  readonly #site: PluginSite | null;
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  readonly #limits: SiteRelayLimits;
  #ended = new AbortController();
  #inFlight = 0;

  constructor(
    site: PluginSite | null,
    configs: ReadonlyMap<number, PluginConfig>,
    limits: SiteRelayLimits,
  ) {
    this.#site = site;
    this.#configs = configs;
    this.#limits = limits;
  }

  /**
   * Makes the request that a frame asks for.
   * @param send takes the answer's frame
   * @throws Error where the frame is no request
   */
  receive({ id, payload }: Pick<Frame, "id" | "payload">, send: (frame: Uint8Array) => void): void {
    const request = readRequest(payload);
    this.#answer(request).then((answer) =>
      send(encodeFrame(FrameType.SiteAnswer, id, encoder.encode(JSON.stringify(answer))))
    );
  }

  /** The process is gone: nobody waits for its requests. */
  abort(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
  }

  async #answer(request: SiteRequest): Promise<SiteAnswer> {
    const { requests, requestMs } = this.#limits;
    const config = this.#configs.get(request.configId);
    if (config === undefined) return { ok: false, error: "posthog.api: the plugin was removed" };
    if (this.#site === null) return { ok: false, error: "posthog.api is not available here" };
    if (this.#inFlight >= requests) {
      return { ok: false, error: `posthog.api: ${requests} requests are in flight: await some` };
    }
    this.#inFlight++;
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(requestMs)]);
    const answer = await this.#site.request(config, request, signal);
    this.#inFlight--;
    return answer;
  }
}

/** What a frame claims to ask for; it is from the fence, so nothing in it is believed. */
function readRequest(payload: Uint8Array): SiteRequest {
  const claimed: unknown = JSON.parse(decoder.decode(payload));
  if (typeof claimed !== "object" || claimed === null) throw new TypeError("no request");
  const { configId, method, path, host, headers, data, keys } = claimed as Record<string, unknown>;
  if (!Number.isInteger(configId)) throw new TypeError("a request without a config");
  if (!METHODS.has(method)) throw new TypeError("a request without a method");
  const { project, personal } = (keys ?? {}) as Record<string, unknown>;
  return {
    configId: configId as number,
    method: method as SiteMethod,
    path: String(path),
    host: typeof host === "string" ? host : null,
    headers: textsByName(headers),
    data,
    keys: keys === null || keys === undefined
      ? null
      : { project: String(project), personal: String(personal) },
  };
}

function textsByName(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === "string"));
}
