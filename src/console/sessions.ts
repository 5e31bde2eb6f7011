/** Who is signed in to the console of this server. */
import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";

export interface Session {
  /** What every request that changes something has to carry besides the cookie. */
  readonly csrf: string;
}

const MAX_SESSIONS = 1_000;
/** A session ends after so long without a request. */
export const SESSION_MS = 12 * 3_600_000;

export class Sessions {
  /** By the hash of the token: what lies in memory opens no session. */
  readonly #sessions = new LRUCache<string, Session>({
    max: MAX_SESSIONS,
    ttl: SESSION_MS,
    updateAgeOnGet: true,
  });

  /** Returns the token of a new session, for a cookie. */
  create(): { readonly token: string; readonly session: Session } {
    const token = randomBytes(32).toString("base64url");
    const session = { csrf: randomBytes(32).toString("base64url") };
    this.#sessions.set(keyOf(token), session);
    return { token, session };
  }

  get(token: string | undefined): Session | null {
    return token === undefined ? null : this.#sessions.get(keyOf(token)) ?? null;
  }

  end(token: string | undefined): void {
    if (token !== undefined) this.#sessions.delete(keyOf(token));
  }
}

function keyOf(token: string): string {
  return hash("sha256", token, "base64url");
}

/** Compares secrets in a time that says nothing of them, their length included. */
export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(hash("sha256", one, "buffer"), hash("sha256", other, "buffer"));
}
