import { LRUCache } from "lru-cache";
import type { Queryable } from "./database.ts";

/** What of `posthog_organization` is used. */
export interface Organization {
  readonly id: string;
  readonly name: string;
  /** None where the row has no list of them. */
  readonly availableFeatures: readonly string[];
}

/** How old a cached row may be: the age that the server before allowed. */
const FRESH_MS = 30_000;
/** One that does not exist is asked for again sooner: it may have just been made. */
const MISSING_FRESH_MS = 2_000;
const CACHED_ORGANIZATIONS = 10_000;

/** Organizations by id, a batch at a time. */
export class Organizations {
  readonly #byId = new LRUCache<string, { readonly organization: Organization | null }>({
    max: CACHED_ORGANIZATIONS,
    ttl: FRESH_MS,
  });

  /**
   * Those that do not exist are absent. One query for all that are not cached.
   * @param ids uuids
   * @param database or the transaction that the caller is in, which then needs no second connection
   */
  async byIds(
    database: Queryable,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Organization>> {
    const found = new Map<string, Organization>();
    const unknown: string[] = [];
    for (const id of ids) {
      const cached = this.#byId.get(id);
      if (cached === undefined) unknown.push(id);
      else if (cached.organization !== null) found.set(id, cached.organization);
    }
    if (unknown.length === 0) return found;
    const rows = await database.query<Organization>(
      `SELECT id, name, coalesce(available_features, '{}') AS "availableFeatures"
       FROM posthog_organization WHERE id = ANY ($1::uuid[])`,
      [unknown],
    );
    for (const organization of rows) {
      found.set(organization.id, organization);
      this.#byId.set(organization.id, { organization });
    }
    for (const id of unknown) {
      if (!found.has(id)) this.#byId.set(id, { organization: null }, { ttl: MISSING_FRESH_MS });
    }
    return found;
  }
}
