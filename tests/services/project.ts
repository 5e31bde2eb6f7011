/** A project of its own, events fed to it one after the other, and the rows that came of them. */
import type { RawEvent } from "../../src/events/types.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createProject } from "../../src/stores/postgres/first_project.ts";
import { createPipeline, feed, item, prepareDatabase } from "./pipeline.ts";

type Values = Record<string, unknown>;

/** A person as its distinct ids in the order of their rows, and what is known of it. */
export interface StoredPerson {
  readonly ids: string[];
  readonly properties: Values;
  readonly known: boolean;
}

export interface TestProject {
  readonly teamId: number;
  /** Stores one event, in a transaction of its own. */
  send(event: unknown, distinctId: unknown, properties?: Values, over?: SendOptions): Promise<void>;
  people(): Promise<StoredPerson[]>;
  events(): Promise<Values[]>;
  rows(statement: string): Promise<Values[]>;
}

export interface SendOptions {
  /** Members of the event beside its properties. */
  readonly data?: Values;
  readonly raw?: Partial<RawEvent>;
  readonly on?: Pipeline;
}

/** A prepared database with a pipeline, and a way to make projects in it. */
export async function createProjects(database: Database): Promise<{
  readonly pipeline: Pipeline;
  create(): Promise<TestProject>;
}> {
  await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const organizations = await database.query<{ id: string }>("SELECT id FROM posthog_organization");
  const organizationId = organizations[0]?.id as string;
  return {
    pipeline,
    async create() {
      const { teamId } = await createProject(database, organizationId, "Case");
      return project(database, pipeline, teamId);
    },
  };
}

function project(database: Database, pipeline: Pipeline, teamId: number): TestProject {
  const rows = (statement: string) => database.query<Values>(statement, [teamId]);
  return {
    teamId,
    rows,
    async send(event, distinctId, properties = {}, { data = {}, raw = {}, on = pipeline } = {}) {
      const sent = { event, distinct_id: distinctId, properties, ...data };
      await feed(on, [item(teamId, sent, raw)]);
    },
    people: () =>
      database.query<StoredPerson>(
        `SELECT array_agg(held.distinct_id ORDER BY held.id) AS ids, person.properties,
           person.is_identified AS known
         FROM posthog_person AS person
         JOIN posthog_persondistinctid AS held ON held.person_id = person.id
         WHERE person.team_id = $1
         GROUP BY person.id ORDER BY person.id`,
        [teamId],
      ),
    events: () => rows("SELECT * FROM posthog_event WHERE team_id = $1 ORDER BY id"),
  };
}
