/** Actions matched for real in a pipeline, and the rows that come of it. */
import { ActionCatalog } from "../../src/actions/action_catalog.ts";
import { EventActions } from "../../src/actions/event_actions.ts";
import { HookIndex } from "../../src/actions/hook_index.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { Actions } from "../../src/stores/postgres/actions.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { ActionRows, type CohortsElsewhere } from "../../src/stores/postgres/events/action_rows.ts";
import { createPipeline } from "./pipeline.ts";

/** A pipeline that matches the actions there are now; nothing has hooks. */
export async function watchingActions(
  database: Database,
  cohorts: CohortsElsewhere | null = null,
): Promise<Pipeline> {
  const catalog = new ActionCatalog(new Actions(database));
  await catalog.load();
  const index = new HookIndex(() => Promise.resolve({ teamIds: [], actionIds: [] }));
  const rows = new ActionRows(new EventActions(catalog, index), () => {}, cohorts);
  const none = { has: () => false, run: () => Promise.resolve([]) };
  return createPipeline(database, {}, none, { isWanted: () => false, deferredTo: () => [] }, null, {
    intents: catalog,
    rows,
  });
}

/** `event: action` of every row, in the order of events. */
export async function matchedRows(database: Database): Promise<string[]> {
  const rows = await database.query<{ row: string }>(
    `SELECT event.event || ': ' || action.name AS row
     FROM posthog_action_events AS matched
     JOIN posthog_event AS event ON event.id = matched.event_id
     JOIN posthog_action AS action ON action.id = matched.action_id
     ORDER BY event.id, action.id`,
  );
  return rows.map(({ row }) => row);
}
