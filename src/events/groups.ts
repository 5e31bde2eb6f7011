/**
 * Groups: companies, projects, … that events belong to. A team has up to five types of them, each
 * with an index; the rules are those of PostHog's plugin server 1.10.
 */
import { isObject } from "./person_properties.ts";
import { storableJsonText, storableText } from "./storable_text.ts";
import type { JsonObject } from "./types.ts";

/** A team has no more types than this; events of others are stored without an index. */
export const MAX_GROUP_TYPES = 5;

/** The width of the columns for types and keys. */
const MAX_LENGTH = 400;

/** What an event says of groups. */
export interface EventGroups {
  /** `$groups`: which group of each type the event belongs to. */
  readonly memberships: readonly { readonly type: string; readonly key: unknown }[];
  /** `$groupidentify`: a group with all of its properties, as JSON text. */
  readonly identified: {
    readonly type: string;
    readonly key: string;
    readonly properties: string;
  } | null;
}

/** The index of a team's group type; null where the team has all the types it may have. */
export type GroupTypeIndex = (teamId: number, type: string) => number | null;

/** What an event says of groups; undefined for nothing. */
export function groupsOf(eventName: string, properties: JsonObject): EventGroups | undefined {
  const memberships = isObject(properties.$groups)
    ? Object.entries(properties.$groups)
      .filter(([type]) => type.length <= MAX_LENGTH)
      .map(([type, key]) => ({ type: storableText(type), key }))
    : [];
  const identified = eventName === "$groupidentify" ? identifiedGroup(properties) : null;
  return memberships.length === 0 && identified === null ? undefined : { memberships, identified };
}

function identifiedGroup(properties: JsonObject): EventGroups["identified"] {
  const { $group_type: type, $group_key: key, $group_set: set } = properties;
  if (!type || !key || typeof type === "object" || typeof key === "object") return null;
  const [typeText, keyText] = [storableText(String(type)), storableText(String(key))];
  if (typeText.length > MAX_LENGTH || keyText.length > MAX_LENGTH) return null;
  return {
    type: typeText,
    key: keyText,
    properties: isObject(set) ? storableJsonText(set) : "{}",
  };
}

/** The event's properties, as JSON text, with `$group_<index>` for each group it belongs to. */
export function withGroupProperties(
  properties: string,
  memberships: EventGroups["memberships"],
  indexOf: (type: string) => number | null,
): string {
  const added: string[] = [];
  for (const { type, key } of memberships) {
    const index = indexOf(type);
    if (index !== null) added.push(`"$group_${index}":${storableJsonText(key)}`);
  }
  if (added.length === 0) return properties;
  const addition = added.join(",");
  // The sender's own members of that name are replaced, which adding text cannot do.
  if (properties.includes('"$group_')) {
    return JSON.stringify({ ...JSON.parse(properties), ...JSON.parse(`{${addition}}`) });
  }
  return properties === "{}" ? `{${addition}}` : `${properties.slice(0, -1)},${addition}}`;
}
