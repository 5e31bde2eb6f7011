/** The real pipeline on a real database, fed by hand. */
import { KnownDefinitions } from "../../src/events/definitions.ts";
import type { RawEvent } from "../../src/events/types.ts";
import { timeUuid } from "../../src/events/uuid.ts";
import { foldPersons } from "../../src/pipeline/identify/fold.ts";
import type { ParkingPlace } from "../../src/pipeline/parking.ts";
import { type ActionIntents, Pipeline, type PipelineOptions } from "../../src/pipeline/pipeline.ts";
import type { JobIntake } from "../../src/pipeline/job_intake.ts";
import type { PluginChains } from "../../src/pipeline/plugin_chains.ts";
import type { DeliveryIntents } from "../../src/pipeline/plugin_hooks.ts";
import type { ReceivedItem } from "../../src/sources/source.ts";
import { DeadLetters } from "../../src/stores/postgres/dead_letters.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { ActionRows } from "../../src/stores/postgres/events/action_rows.ts";
import { EventRows } from "../../src/stores/postgres/events/event_rows.ts";
import {
  type EventOutput,
  PostgresEventStore,
} from "../../src/stores/postgres/events/event_store.ts";
import { ensureEventSeenPartitions } from "../../src/stores/postgres/event_seen_partitions.ts";
import { GroupTypes } from "../../src/stores/postgres/group_types.ts";
import { PostgresOutbox } from "../../src/stores/postgres/outbox/outbox.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { Teams } from "../../src/stores/postgres/teams.ts";
import { within } from "./within.ts";

const NO_PLUGINS: PluginChains = { has: () => false, run: () => Promise.resolve([]) };
const NO_DELIVERIES: DeliveryIntents = { isWanted: () => false, deferredTo: () => [] };

/** Tables and one project. Resolves with the team's id. */
export async function prepareDatabase(database: Database): Promise<number> {
  await migrate(database);
  await ensureEventSeenPartitions(database, { retentionDays: 7 });
  return (await createFirstProject(database))?.teamId as number;
}

export function createStore(
  database: Database,
  definitions = new KnownDefinitions(),
  actions = new ActionRows(
    { cohortsOf: () => [], match: () => ({ ids: [], hookedIds: [] }) },
    () => {},
  ),
  output: EventOutput = new EventRows(),
): PostgresEventStore {
  return new PostgresEventStore({
    database,
    fold: foldPersons,
    newUuid: timeUuid,
    deadLetters: new DeadLetters(),
    outbox: new PostgresOutbox(database),
    output,
    groupTypes: new GroupTypes(database),
    definitions,
    actions,
    ensurePartitions: () => ensureEventSeenPartitions(database, { retentionDays: 7 }),
  });
}

export function createPipeline(
  database: Database,
  options: Partial<PipelineOptions> = {},
  chains: PluginChains = NO_PLUGINS,
  deliveries: DeliveryIntents = NO_DELIVERIES,
  jobs: JobIntake | null = null,
  actions?: { readonly intents: ActionIntents; readonly rows: ActionRows },
  parking: ParkingPlace | null = null,
): Pipeline {
  const definitions = new KnownDefinitions();
  const pipeline = new Pipeline(
    {
      store: createStore(database, definitions, actions?.rows),
      teams: new Teams(database),
      chains,
      deliveries,
      definitions,
      actions: actions?.intents ?? { isWatched: () => false },
      jobs,
      parking,
    },
    {
      writers: 3,
      writeBatchSize: 100,
      maxEvents: 5_000,
      maxBytes: 64e6,
      eventMaxBytes: 4e6,
      ...options,
    },
  );
  pipeline.start();
  return pipeline;
}

const FEED_MS = 120_000;

/** Sends items through and resolves when all are acknowledged. */
export async function feed(pipeline: Pipeline, items: readonly ReceivedItem[]): Promise<void> {
  const acknowledged = Promise.withResolvers<void>();
  await pipeline.accept("test", {
    items,
    ack: () => Promise.resolve(acknowledged.resolve()),
    release: () => Promise.reject(new Error("nothing is released here")),
  });
  const isThrough = await within(FEED_MS, acknowledged.promise.then(() => true));
  if (isThrough === null) throw new Error(`nothing was acknowledged within ${FEED_MS / 1000} s`);
}

let serial = 0;

/** An item as a source makes it from what a sender sent. */
export function item(
  teamId: number,
  data: Record<string, unknown>,
  over: Partial<RawEvent> = {},
): ReceivedItem {
  const event: RawEvent = {
    teamId,
    distinctId: data.distinct_id ?? "visitor",
    ip: null,
    siteUrl: null,
    now: "2021-10-28T12:00:00.000Z",
    sentAt: null,
    data,
    uuid: `00000000-0000-0000-0001-${String(++serial).padStart(12, "0")}`,
    ...over,
  };
  return { kind: "event", event, bytes: JSON.stringify(data).length };
}
