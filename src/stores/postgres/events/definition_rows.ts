import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../../telemetry/about.ts";
import { errorMessage } from "../../../errors.ts";
import type { KnownDefinitions, NewProperty } from "../../../events/definitions.ts";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import { storableText } from "../../../events/storable_text.ts";
import { textArray } from "../binary_arrays.ts";
import { isTransient, type Queryable } from "../database.ts";
import insertEventDefinitions from "./insert_event_definitions.sql" with { type: "text" };
import insertPropertyDefinitions from "./insert_property_definitions.sql" with { type: "text" };

interface NamedRow {
  readonly id: string;
  readonly teamId: number;
  readonly name: string;
}

/** Definitions of names that a batch brings for the first time: two statements at most, mostly none. */
export class DefinitionRows {
  readonly #known: KnownDefinitions;
  readonly #newUuid: () => string;
  readonly #log = getLogger(["paddock", "definitions"]);

  constructor(known: KnownDefinitions, newUuid: () => string) {
    this.#known = known;
    this.#newUuid = newUuid;
  }

  /** Within the write transaction. A definition that is refused costs no event. */
  async write(tx: Queryable, events: readonly PreparedEvent[]): Promise<void> {
    const eventRows = new Map<string, NamedRow>();
    const propertyRows = new Map<string, NamedRow & NewProperty>();
    for (const { teamId, definitions } of events) {
      if (definitions === undefined) continue;
      const { event, properties } = definitions;
      if (event !== null && !this.#known.hasEvent(teamId, event)) {
        this.#add(eventRows, teamId, { name: event });
      }
      for (const property of properties) {
        if (!this.#known.hasProperty(teamId, property.name)) {
          this.#add(propertyRows, teamId, property);
        }
      }
    }
    if (eventRows.size + propertyRows.size === 0) return;
    await tx.query("SAVEPOINT definitions");
    try {
      await insert(tx, [...eventRows.values()], [...propertyRows.values()]);
    } catch (error) {
      if (isTransient(error)) throw error;
      await tx.query("ROLLBACK TO SAVEPOINT definitions");
      aboutSeveral(this.#log, events)
        .warn`event or property definitions were refused: ${errorMessage(error)}`;
    }
  }

  /** After the commit: these names are not asked for again. */
  committed(events: readonly PreparedEvent[]): void {
    for (const { teamId, definitions } of events) {
      if (definitions !== undefined) this.#known.learn(teamId, definitions);
    }
  }

  #add<Row extends { name: string }>(
    rows: Map<string, Row & NamedRow>,
    teamId: number,
    { name, ...others }: Row,
  ): void {
    const key = `${teamId}:${name}`;
    if (rows.has(key)) return;
    const row = { ...others, id: this.#newUuid(), teamId, name: storableText(name) };
    rows.set(key, row as unknown as Row & NamedRow);
  }
}

async function insert(
  tx: Queryable,
  events: readonly NamedRow[],
  properties: readonly (NamedRow & NewProperty)[],
): Promise<void> {
  if (events.length > 0) {
    await tx.query(insertEventDefinitions, columns(inOrder(events)));
  }
  if (properties.length > 0) {
    const sorted = inOrder(properties);
    await tx.query(insertPropertyDefinitions, [
      ...columns(sorted),
      sorted.map(({ isNumerical }) => isNumerical),
    ]);
  }
}

function columns(rows: readonly NamedRow[]): unknown[] {
  return [
    textArray(rows.map(({ id }) => id)),
    textArray(rows.map(({ name }) => name)),
    rows.map(({ teamId }) => teamId),
  ];
}

/** One order for all servers, so that two that insert the same names wait and do not deadlock. */
function inOrder<Row extends NamedRow>(rows: readonly Row[]): Row[] {
  return rows.toSorted((one, other) =>
    one.teamId - other.teamId || (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)
  );
}
