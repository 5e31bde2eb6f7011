/**
 * Writes batches of prepared events into the `posthog_*` tables: one transaction, one statement per
 * table, exactly once.
 */
import type { KnownDefinitions } from "../../../events/definitions.ts";
import type { DeadLetter } from "../../../events/dead_letter.ts";
import { type GroupTypeIndex, withGroupProperties } from "../../../events/groups.ts";
import type { OutgoingEvent } from "../../../events/outgoing_event.ts";
import type { PersonChanges, PersonSnapshot } from "../../../events/persons.ts";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import { PaddockError } from "../../../errors.ts";
import { jsonbArray, textArray } from "../binary_arrays.ts";
import { type Database, isTransient, type Queryable } from "../database.ts";
import type { GroupTypes } from "../group_types.ts";
import claimEvents from "./claim_events.sql" with { type: "text" };
import { DefinitionRows } from "./definition_rows.ts";
import { ElementRows } from "./element_rows.ts";
import { FirstEvents } from "./first_events.ts";
import { GroupRows } from "./group_rows.ts";
import insertEvents from "./insert_events.sql" with { type: "text" };
import insertRecordings from "./insert_recordings.sql" with { type: "text" };
import { applyChanges, changedRows, lockRows, readSnapshot, touchedIds } from "./person_rows.ts";

/** Folds a batch over the people it touches; see `src/pipeline/identify/`. */
export type Fold = (
  events: readonly PreparedEvent[],
  snapshot: PersonSnapshot,
  newUuid: () => string,
) => PersonChanges;

/** Stores dead letters within the same transaction. */
export interface DeadLetterSink {
  append(tx: Queryable, letters: readonly DeadLetter[]): Promise<void>;
}

/** Keeps what plugins are to be told of, within the same transaction. */
export interface OutboxSink {
  append(tx: Queryable, events: readonly OutgoingEvent[]): Promise<void>;
  /** Called after the commit. */
  committed(): void;
}

export interface PostgresEventStoreParts {
  readonly database: Database;
  readonly fold: Fold;
  readonly newUuid: () => string;
  readonly deadLetters: DeadLetterSink;
  readonly outbox: OutboxSink;
  readonly groupTypes: GroupTypes;
  readonly definitions: KnownDefinitions;
  /** Makes the days of `paddock.event_seen` that are missing. */
  readonly ensurePartitions: () => Promise<void>;
}

/** What the fold may be done over again when other servers change the same people. */
const FOLD_ATTEMPTS = 20;

/** SQLSTATE check_violation: also what an insert into a missing partition is answered with. */
const CHECK_VIOLATION = "23514";

export class PostgresEventStore {
  readonly #parts: PostgresEventStoreParts;
  readonly #definitions: DefinitionRows;
  readonly #elements = new ElementRows();
  readonly #groups = new GroupRows();
  readonly #firstEvents = new FirstEvents();

  constructor(parts: PostgresEventStoreParts) {
    this.#parts = parts;
    this.#definitions = new DefinitionRows(parts.definitions, parts.newUuid);
  }

  isTransient(error: unknown): boolean {
    return isTransient(error);
  }

  /**
   * @returns how many events were new, and how many were recognised as stored before
   * @throws PaddockError PDK_DATABASE_UNAVAILABLE, or pg's DatabaseError naming the refused row
   */
  async write(
    events: readonly PreparedEvent[],
    letters: readonly DeadLetter[],
  ): Promise<{ stored: number; repeated: number }> {
    try {
      const { outbox, groupTypes } = this.#parts;
      // On its own: an index that was given out stays, whatever becomes of this batch.
      const indexOf = await groupTypes.indexes(events);
      const { fresh, outgoing } = await this.#parts.database.transaction(async (tx) => {
        const fresh = await claim(tx, events);
        if (fresh.length > 0) {
          await this.#writePersons(tx, fresh);
          await this.#groups.write(tx, fresh, indexOf);
          await this.#definitions.write(tx, fresh);
          await this.#elements.write(tx, fresh);
          await this.#firstEvents.write(tx, fresh);
          await writeEvents(tx, fresh, indexOf);
          await writeRecordings(tx, fresh);
        }
        if (letters.length > 0) await this.#parts.deadLetters.append(tx, letters);
        // The foreign keys are deferred: asked now, a refused row is found inside the transaction.
        await tx.query("SET CONSTRAINTS ALL IMMEDIATE");
        // Last, as readers of the outbox wait for whoever has written to it.
        const outgoing = fresh.flatMap((event) => event.outgoing ?? []);
        await outbox.append(tx, outgoing);
        return { fresh, outgoing };
      });
      for (const rows of [this.#definitions, this.#elements, this.#firstEvents]) {
        rows.committed(fresh);
      }
      if (outgoing.length > 0) outbox.committed();
      return { stored: fresh.length, repeated: events.length - fresh.length };
    } catch (error) {
      if (!isMissingPartition(error)) throw error;
      // A server that slept past midnight: the day is made and the batch is done again.
      await this.#parts.ensurePartitions();
      throw new PaddockError(
        "PDK_DATABASE_UNAVAILABLE",
        "a day of paddock.event_seen was missing",
        {
          cause: error,
        },
      );
    }
  }

  async #writePersons(tx: Queryable, events: readonly PreparedEvent[]): Promise<void> {
    const { fold, newUuid } = this.#parts;
    const touched = touchedIds(events);
    const locked = new Set<number>();
    for (let attempt = 1; attempt <= FOLD_ATTEMPTS; attempt++) {
      const snapshot = await readSnapshot(tx, touched);
      const changes = fold(events, snapshot, newUuid);
      const missing = changedRows(changes).filter((id) => !locked.has(id));
      if (missing.length > 0) {
        // Read without a lock, these people may have changed since: lock, read and fold once more.
        await lockRows(tx, missing);
        for (const id of missing) locked.add(id);
        continue;
      }
      const inserts = changes.created.length + changes.addedIds.length > 0;
      if (inserts) await tx.query("SAVEPOINT fold");
      if (await applyChanges(tx, changes, snapshot)) return;
      await tx.query("ROLLBACK TO SAVEPOINT fold");
    }
    throw new PaddockError(
      "PDK_DATABASE_UNAVAILABLE",
      `other servers kept changing the same people: gave up after ${FOLD_ATTEMPTS} folds`,
    );
  }
}

/** The events that were not stored before, in their order. */
async function claim(
  tx: Queryable,
  events: readonly PreparedEvent[],
): Promise<PreparedEvent[]> {
  if (events.length === 0) return [];
  // Sorted, so that two transactions with the same events wait for each other and do not deadlock.
  const claims = events.map((event) => event.claim).sort();
  const rows = await tx.query<{ claim: string }>({ name: "claim_events", text: claimEvents }, [
    claims,
  ]);
  const granted = new Set(rows.map((row) => row.claim.replaceAll("-", "")));
  // `delete` answers true once: the second of two equal events in one batch is the repeat.
  return events.filter((event) => granted.delete(event.claim));
}

async function writeEvents(
  tx: Queryable,
  events: readonly PreparedEvent[],
  indexOf: GroupTypeIndex,
): Promise<void> {
  const rows = events.filter((event) => event.recording === null);
  if (rows.length === 0) return;
  await tx.query({ name: "insert_events", text: insertEvents }, [
    textArray(rows.map((event) => event.name)),
    textArray(rows.map((event) => event.distinctId)),
    jsonbArray(rows.map((event) => propertiesOf(event, indexOf))),
    rows.map((event) => event.teamId),
    textArray(rows.map((event) => event.timestamp)),
    jsonbArray(rows.map((event) => event.elements?.json ?? null)),
    textArray(rows.map((event) => event.elements?.hash ?? null)),
  ]);
}

function propertiesOf(
  { teamId, properties, groups }: PreparedEvent,
  indexOf: GroupTypeIndex,
): string {
  return groups === undefined
    ? properties
    : withGroupProperties(properties, groups.memberships, (type) => indexOf(teamId, type));
}

async function writeRecordings(tx: Queryable, events: readonly PreparedEvent[]): Promise<void> {
  const rows = events.filter((event) => event.recording !== null);
  if (rows.length === 0) return;
  await tx.query({ name: "insert_recordings", text: insertRecordings }, [
    textArray(rows.map((event) => event.timestamp)),
    rows.map((event) => event.teamId),
    textArray(rows.map((event) => event.distinctId)),
    textArray(rows.map((event) => event.recording?.sessionId ?? null)),
    jsonbArray(rows.map((event) => event.recording?.snapshotData ?? null)),
  ]);
}

function isMissingPartition(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error &&
    error.code === CHECK_VIOLATION && "message" in error &&
    String(error.message).includes("event_seen");
}
