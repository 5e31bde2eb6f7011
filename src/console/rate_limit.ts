import { LRUCache } from "lru-cache";

export interface RateLimitOptions {
  /** So many in one window. */
  readonly limit: number;
  readonly windowMs: number;
}

/** Clients that are counted at a time; those beyond push out who was silent for longest. */
const MAX_CLIENTS = 10_000;

/** Counts what each client asks for, in windows that begin with its first request. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #counts: LRUCache<string, { count: number; readonly endsAt: number }>;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#counts = new LRUCache({ max: MAX_CLIENTS });
  }

  /** Counts one request. Returns 0, or after how many milliseconds the client may ask again. */
  take(client: string, now = performance.now()): number {
    const { limit, windowMs } = this.#options;
    const known = this.#counts.get(client);
    if (known === undefined || known.endsAt <= now) {
      this.#counts.set(client, { count: 1, endsAt: now + windowMs });
      return 0;
    }
    known.count++;
    return known.count > limit ? known.endsAt - now : 0;
  }
}
