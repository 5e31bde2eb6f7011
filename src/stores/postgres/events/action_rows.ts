/** Actions that a batch's events match: their rows, and what hooks are to be told of them. */
import type { HookedMatch } from "../../../actions/hook_dispatcher.ts";
import type { HookPerson } from "../../../actions/hook_message.ts";
import type { Person, SeenPerson } from "../../../events/persons.ts";
import type { ActionSubject, PreparedEvent } from "../../../events/prepared_event.ts";
import type { JsonObject } from "../../../events/types.ts";
import { NOBODY, type Observer } from "../../../telemetry/observer.ts";
import { keepMatches } from "../action_matches.ts";
import type { Queryable } from "../database.ts";
import insertActionEvents from "./insert_action_events.sql" with { type: "text" };

/** Decides which actions match. */
export interface ActionMatching {
  /** The cohorts whose members have to be known to match a team's actions. */
  cohortsOf(teamId: number): readonly number[];
  /** Ids of the actions that match, and of those among them that hooks are told of. */
  match(
    teamId: number,
    subject: ActionSubject,
    person: { readonly properties: JsonObject; isMemberOf(cohortId: number): boolean } | null,
  ): { readonly ids: readonly number[]; readonly hookedIds: readonly number[] };
}

/** Cohorts whose members are not in Postgres. */
export interface CohortsElsewhere {
  /** Those of the people that are members of any of the cohorts, each with the cohort. */
  membersOf(asked: {
    readonly teamIds: readonly number[];
    readonly cohortIds: readonly number[];
    readonly personUuids: readonly string[];
  }): Promise<readonly { readonly cohortId: number; readonly personUuid: string }[]>;
}

/** Event → ids of the actions that it matches. */
export type MatchedActions = ReadonlyMap<PreparedEvent, readonly number[]>;

export class ActionRows {
  readonly #matching: ActionMatching;
  readonly #onKept: () => void;
  readonly #elsewhere: CohortsElsewhere | null;
  readonly #observer: Observer;

  /** @param onKept called when something was kept for hooks and it was committed */
  constructor(
    matching: ActionMatching,
    onKept: () => void,
    elsewhere: CohortsElsewhere | null = null,
    observer: Observer = NOBODY,
  ) {
    this.#matching = matching;
    this.#onKept = onKept;
    this.#elsewhere = elsewhere;
    this.#observer = observer;
  }

  /** Says that what was kept for hooks is committed, so that nobody has to find out by looking. */
  committed(): void {
    this.#onKept();
  }

  /**
   * Matches the events that actions look at, within the write transaction, and keeps what hooks are
   * to be told.
   * @param seen those events' persons
   * @returns the matches, and whether hooks are to be told of any
   */
  async match(
    tx: Queryable,
    seen: readonly SeenPerson[],
  ): Promise<{ readonly matched: MatchedActions; readonly hasHooked: boolean }> {
    const matched = new Map<PreparedEvent, readonly number[]>();
    const hooked: HookedMatch[] = [];
    const members = await this.#members(tx, seen);
    const began = performance.now();
    let found = 0;
    for (const { event, person } of seen) {
      const { subject, teamId } = event;
      if (subject === undefined) continue;
      const { ids, hookedIds } = this.#matching.match(teamId, subject, {
        properties: person.properties,
        isMemberOf: (cohortId) => members.has(`${cohortId} ${person.uuid}`),
      });
      found += ids.length;
      if (ids.length > 0) matched.set(event, ids);
      if (hookedIds.length === 0) continue;
      hooked.push({
        event: subject.event,
        person: personRow(person, event),
        actionIds: hookedIds,
      });
    }
    if (seen.length > 0) this.#observer.matched(found, performance.now() - began);
    await keepMatches(tx, hooked);
    return { matched, hasHooked: hooked.length > 0 };
  }

  /** Cohort and person's uuid of every membership that the actions ask for. */
  async #members(
    tx: Queryable,
    seen: readonly SeenPerson[],
  ): Promise<ReadonlySet<string>> {
    const teamIds = [...new Set(seen.map(({ event }) => event.teamId))]
      .filter((teamId) => this.#matching.cohortsOf(teamId).length > 0);
    if (teamIds.length === 0) return new Set();
    const cohortIds = teamIds.flatMap((teamId) => this.#matching.cohortsOf(teamId));
    const people = new Map(
      seen.filter(({ event }) => teamIds.includes(event.teamId))
        .map(({ person }) => [person.uuid, person.id]),
    );
    const rows = await tx.query<{ cohort: number; person: string }>(
      `SELECT member.cohort_id AS cohort, asked.uuid AS person
       FROM unnest($2::int[], $3::text[]) AS asked (id, uuid)
       JOIN posthog_cohortpeople AS member ON member.person_id = asked.id
       WHERE member.cohort_id = ANY ($1::int[])`,
      [cohortIds, [...people.values()], [...people.keys()]],
    );
    const elsewhere = await this.#elsewhere?.membersOf({
      teamIds,
      cohortIds,
      personUuids: [...people.keys()],
    });
    return new Set([
      ...rows.map(({ cohort, person }) => `${cohort} ${person}`),
      ...(elsewhere ?? []).map(({ cohortId, personUuid }) => `${cohortId} ${personUuid}`),
    ]);
  }
}

/** Writes the rows. @param eventIds of the events that were written, in the order of `events` */
export async function insertActionRows(
  tx: Queryable,
  matched: MatchedActions,
  events: readonly PreparedEvent[],
  eventIds: readonly number[],
): Promise<void> {
  const columns: [number[], number[]] = [[], []];
  events.forEach((event, index) => {
    for (const actionId of matched.get(event) ?? []) {
      columns[0].push(eventIds[index] as number);
      columns[1].push(actionId);
    }
  });
  if (columns[0].length > 0) {
    await tx.query({ name: "insert_action_events", text: insertActionEvents }, columns);
  }
}

/** The row as hooks have always been told of it. Three of its columns this server never fills. */
function personRow(person: Person, event: PreparedEvent): HookPerson {
  return {
    id: person.id,
    created_at: person.createdAt,
    team_id: person.teamId,
    properties: person.properties,
    properties_last_updated_at: {},
    properties_last_operation: null,
    is_user_id: null,
    is_identified: person.isIdentified,
    uuid: person.uuid,
    persondistinctid__team_id: event.teamId,
    persondistinctid__distinct_id: event.distinctId,
  };
}
