/** What changed about people and groups, as messages in the order in which it changed. */
import type { GroupTypeIndex } from "../../../events/groups.ts";
import type { Person, PersonWrites } from "../../../events/persons.ts";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import { storableJsonText } from "../../../events/storable_text.ts";
import { jsonMessage, type OutputMessage, secondsForm, TOPICS } from "./output_message.ts";

export function peopleMessages(writes: PersonWrites, now: string): OutputMessage[] {
  return [
    ...[...writes.created, ...writes.updated].map((person) => personMessage(person)),
    ...writes.addedIds.map(({ id, teamId, distinctId, personUuid }) =>
      distinctIdMessage(teamId, distinctId, { id, person_id: personUuid, is_deleted: 0 })
    ),
    ...writes.movedIds.flatMap(({ teamId, distinctId, fromUuid, intoUuid }) => [
      distinctIdMessage(teamId, distinctId, { person_id: intoUuid, is_deleted: 0 }),
      distinctIdMessage(teamId, distinctId, { person_id: fromUuid, is_deleted: 1 }),
    ]),
    ...writes.merged.map(({ uuid, teamId }) =>
      personMessage({ uuid, teamId, properties: {}, createdAt: now, isIdentified: false }, true)
    ),
  ];
}

function personMessage(
  person: Pick<Person, "uuid" | "teamId" | "properties" | "createdAt" | "isIdentified">,
  isDeleted = false,
): OutputMessage {
  const { uuid, teamId, properties, createdAt, isIdentified } = person;
  return jsonMessage(TOPICS.persons, null, `${teamId}:${uuid}`, {
    id: uuid,
    created_at: secondsForm(createdAt),
    properties: storableJsonText(properties),
    team_id: teamId,
    is_identified: isIdentified,
    is_deleted: isDeleted ? 1 : 0,
  });
}

function distinctIdMessage(
  teamId: number,
  distinctId: string,
  members: Readonly<Record<string, unknown>>,
): OutputMessage {
  return jsonMessage(TOPICS.distinctIds, null, `${teamId}:${distinctId}`, {
    ...members,
    distinct_id: distinctId,
    team_id: teamId,
  });
}

/** What `$groupidentify` says of groups: all of a group's properties each time. */
export function groupMessages(
  events: readonly PreparedEvent[],
  indexOf: GroupTypeIndex,
  now: string,
): OutputMessage[] {
  return events.flatMap(({ teamId, groups }) => {
    const identified = groups?.identified ?? null;
    const index = identified === null ? null : indexOf(teamId, identified.type);
    if (identified === null || index === null) return [];
    const { key, properties } = identified;
    return [jsonMessage(TOPICS.groups, null, `${teamId}:${index}:${key}`, {
      group_type_index: index,
      group_key: key,
      team_id: teamId,
      group_properties: properties,
      created_at: secondsForm(now),
    })];
  });
}
