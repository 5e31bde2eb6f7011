/** What was stored last, and of whom, for people who look. */
import { withElements } from "../../../events/elements.ts";
import type { JsonObject } from "../../../events/types.ts";
import type { Queryable } from "../database.ts";

export interface StoredEvent {
  readonly id: number;
  readonly teamId: number;
  readonly event: string | null;
  readonly distinctId: string;
  readonly timestamp: Date;
  /** With `$elements` where something was clicked. */
  readonly properties: JsonObject;
}

export interface EventFilter {
  readonly teamId?: number;
  /** Stored after this one. */
  readonly afterId?: number;
  readonly distinctIds?: readonly string[];
}

/** The newest first. */
export async function latestEvents(
  database: Queryable,
  { teamId, afterId, distinctIds }: EventFilter,
  limit: number,
): Promise<StoredEvent[]> {
  const rows = await database.query<StoredEvent & { readonly elements: unknown }>(
    `SELECT id, team_id AS "teamId", event, distinct_id AS "distinctId", "timestamp", properties,
       elements
     FROM posthog_event
     WHERE ($2::int IS NULL OR team_id = $2) AND ($3::int IS NULL OR id > $3)
       AND ($4::text[] IS NULL OR distinct_id = ANY ($4))
     ORDER BY id DESC LIMIT $1`,
    [limit, teamId ?? null, afterId ?? null, distinctIds ?? null],
  );
  return rows.map(({ elements, ...row }) => ({
    ...row,
    properties: withElements(row.properties, elements),
  }));
}

export interface StoredPerson {
  readonly id: number;
  readonly uuid: string;
  readonly createdAt: Date;
  readonly isIdentified: boolean;
  readonly properties: JsonObject;
  readonly distinctIds: readonly string[];
}

const PERSON = `
SELECT person.id, person.uuid, person.created_at AS "createdAt",
  person.is_identified AS "isIdentified", person.properties,
  ARRAY(
    SELECT distinct_id FROM posthog_persondistinctid
    WHERE person_id = person.id ORDER BY id LIMIT 100
  ) AS "distinctIds"
FROM posthog_person AS person`;

/** A team's newest people; with a text, those with exactly this distinct id, e-mail or uuid. */
export async function latestPersons(
  database: Queryable,
  teamId: number,
  text: string,
  limit: number,
): Promise<StoredPerson[]> {
  if (text === "") {
    return await database.query<StoredPerson>(
      `${PERSON} WHERE person.team_id = $1 ORDER BY person.id DESC LIMIT $2`,
      [teamId, limit],
    );
  }
  return await database.query<StoredPerson>(
    `${PERSON} WHERE person.team_id = $1 AND (
       person.id IN (
         SELECT person_id FROM posthog_persondistinctid WHERE team_id = $1 AND distinct_id = $2
       ) OR person.properties->>'email' = $2 OR person.uuid::text = lower($2)
     ) ORDER BY person.id DESC LIMIT $3`,
    [teamId, text, limit],
  );
}
