/**
 * Writes batches of prepared events: one transaction, one statement per table, exactly once. People
 * and all that is known of a project go into the `posthog_*` tables; where the events themselves go
 * is the output's business.
 */
import type { KnownDefinitions } from "../../../events/definitions.ts";
import type { DeadLetter } from "../../../events/dead_letter.ts";
import type { GroupTypeIndex } from "../../../events/groups.ts";
import type { OutgoingEvent } from "../../../events/outgoing_event.ts";
import type { PersonChanges, PersonSnapshot, PersonWrites } from "../../../events/persons.ts";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import { PaddockError } from "../../../errors.ts";
import { type Database, isLocked, isTransient, type Queryable } from "../database.ts";
import type { GroupTypes } from "../group_types.ts";
import type { ActionRows, MatchedActions } from "./action_rows.ts";
import claimEvents from "./claim_events.sql" with { type: "text" };
import { DefinitionRows } from "./definition_rows.ts";
import { FirstEvents } from "./first_events.ts";
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

/** What a transaction stores, and what it did for that already. */
export interface WrittenBatch {
  /** New ones alone, in their order. */
  readonly events: readonly PreparedEvent[];
  readonly people: PersonWrites;
  readonly letters: readonly DeadLetter[];
  readonly indexOf: GroupTypeIndex;
  readonly matched: MatchedActions;
}

/** What an output does at the end of a transaction. */
export interface OutputEnd {
  /**
   * What cannot be undone, when no row of the transaction can be refused any more. Where it rejects,
   * nothing is committed.
   */
  beforeCommit?(): Promise<void>;
  afterCommit(): void;
}

/** Where the events themselves go. */
export interface EventOutput {
  /** Within the transaction. */
  write(tx: Queryable, batch: WrittenBatch): Promise<OutputEnd>;
}

const NOBODY: PersonWrites = {
  created: [],
  updated: [],
  merged: [],
  addedIds: [],
  movedIds: [],
  seen: [],
};

export interface PostgresEventStoreParts {
  readonly database: Database;
  readonly fold: Fold;
  readonly newUuid: () => string;
  readonly deadLetters: DeadLetterSink;
  readonly outbox: OutboxSink;
  readonly output: EventOutput;
  readonly groupTypes: GroupTypes;
  readonly definitions: KnownDefinitions;
  readonly actions: ActionRows;
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
  readonly #firstEvents = new FirstEvents();

  constructor(parts: PostgresEventStoreParts) {
    this.#parts = parts;
    this.#definitions = new DefinitionRows(parts.definitions, parts.newUuid);
  }

  isTransient(error: unknown): boolean {
    return isTransient(error);
  }

  isLocked(error: unknown): boolean {
    return isLocked(error);
  }

  /**
   * @returns how many events were new, and how many were recognised as stored before
   * @throws PaddockError PDK_DATABASE_UNAVAILABLE, or pg's DatabaseError naming the refused row
   */
  async write(
    events: readonly PreparedEvent[],
    letters: readonly DeadLetter[],
    isHasty = false,
  ): Promise<{ stored: number; repeated: number }> {
    try {
      const { outbox, output, groupTypes, actions } = this.#parts;
      // On its own: an index that was given out stays, whatever becomes of this batch.
      const indexOf = await groupTypes.indexes(events);
      const done = await this.#parts.database.transaction(async (tx) => {
        const fresh = await claim(tx, events);
        const people = fresh.length > 0 ? await this.#writePersons(tx, fresh) : NOBODY;
        if (fresh.length > 0) {
          await this.#definitions.write(tx, fresh);
          await this.#firstEvents.write(tx, fresh);
        }
        if (letters.length > 0) await this.#parts.deadLetters.append(tx, letters);
        const { matched, hasHooked } = await actions.match(tx, people.seen);
        const batch = { events: fresh, people, letters, indexOf, matched };
        const end = await output.write(tx, batch);
        // The foreign keys are deferred: asked now, a refused row is found inside the transaction.
        await tx.query("SET CONSTRAINTS ALL IMMEDIATE");
        await end.beforeCommit?.();
        // Last, as readers of the outbox wait for whoever has written to it.
        const outgoing = fresh.flatMap((event) => event.outgoing ?? []);
        await outbox.append(tx, outgoing);
        return { fresh, outgoing, hasHooked, end };
      }, isHasty ? "hasty" : "prompt");
      const { fresh, outgoing, hasHooked, end } = done;
      for (const rows of [this.#definitions, this.#firstEvents]) rows.committed(fresh);
      if (outgoing.length > 0) outbox.committed();
      if (hasHooked) actions.committed();
      end.afterCommit();
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

  async #writePersons(
    tx: Queryable,
    events: readonly PreparedEvent[],
  ): Promise<PersonWrites> {
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
      const writes = await applyChanges(tx, changes, snapshot);
      if (writes !== null) return writes;
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

function isMissingPartition(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error &&
    error.code === CHECK_VIOLATION && "message" in error &&
    String(error.message).includes("event_seen");
}
