import { prepareEvent } from "../../src/pipeline/prepare.ts";
import { decodeEvent } from "../../src/pipeline/decode.ts";
import { parseMessage } from "../../src/sources/celery/message.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { celeryItem, type Mix, teamOf, visitorId } from "./events.ts";

const ROWS_PER_STATEMENT = 100;
const CONNECTIONS = 3;

/**
 * The rate at which this machine takes the same rows by nothing but inserts: 100 rows a statement,
 * three connections, no claim, no people, no source. Rows a second.
 */
export async function bareInsertRate(database: Database, rows: number, mix: Mix): Promise<number> {
  const batches: unknown[][] = [];
  for (let start = 0; start < rows; start += ROWS_PER_STATEMENT) {
    const indices = Array.from({ length: Math.min(ROWS_PER_STATEMENT, rows - start) }, (_, i) => {
      return start + i;
    });
    batches.push([
      indices.map((index) => visitorId(index, mix)),
      indices.map((index) => storedProperties(index, mix)),
      indices.map((index) => teamOf(index, mix)),
    ]);
  }
  const started = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
      await database.query({ name: "bare_insert", text: BARE_INSERT }, batch);
    }
  }));
  return rows / (performance.now() - started) * 1000;
}

/** What the server stores of the event: its own properties, the address and the campaign among them. */
function storedProperties(index: number, mix: Mix): string {
  const item = parseMessage(celeryItem(index, mix));
  if (item.kind !== "event") throw new Error("the bench's own event is none");
  const { event, claim } = decodeEvent(item.event, item.bytes, Infinity);
  return prepareEvent(event, {
    claim,
    team: { anonymizeIps: false, ingestedEvent: true },
    marks: null,
    deferredTo: [],
    definitions: { missing: () => undefined },
    hasActions: false,
  }).properties;
}

const BARE_INSERT = `
INSERT INTO posthog_event (
  created_at, event, distinct_id, properties, team_id, "timestamp", elements, elements_hash
)
SELECT now(), '$pageview', new.distinct_id, new.properties::jsonb, new.team_id, now(), '[]', ''
FROM unnest($1::text[], $2::text[], $3::int[]) AS new (distinct_id, properties, team_id)`;
