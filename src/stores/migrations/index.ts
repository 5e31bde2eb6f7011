/** Paddock's migrations, in order. A migration that was released never changes. */
import storage from "./paddock/0001_storage.sql" with { type: "text" };
import inbox from "./paddock/0002_inbox.sql" with { type: "text" };
import pluginGrants from "./paddock/0003_plugin_grants.sql" with { type: "text" };
import cacheExecute from "./paddock/0004_cache_execute.sql" with { type: "text" };
import pluginState from "./paddock/0005_plugin_state.sql" with { type: "text" };
import pluginRefusal from "./paddock/0006_plugin_refusal.sql" with { type: "text" };
import deliveries from "./paddock/0007_deliveries.sql" with { type: "text" };
import pluginSetupFailure from "./paddock/0025_plugin_setup_failure.sql" with { type: "text" };
import actionHooks from "./paddock/0030_action_hooks.sql" with { type: "text" };
import deadLetterKinds from "./paddock/0035_dead_letter_kinds.sql" with { type: "text" };
import parked from "./paddock/0036_parked.sql" with { type: "text" };
import serverStatus from "./paddock/0040_server_status.sql" with { type: "text" };
import kafkaOutbox from "./paddock/0050_kafka_outbox.sql" with { type: "text" };
import linearCacheExecute from "./paddock/0065_cache_execute.sql" with { type: "text" };
import pluginWorkingVersion from "./paddock/0066_plugin_working_version.sql" with { type: "text" };
import kafkaOutboxOfPeople from "./paddock/0075_kafka_outbox_of_people.sql" with { type: "text" };
import pluginExports from "./paddock/0090_plugin_exports.sql" with { type: "text" };

export interface Migration {
  /** Ascending. */
  readonly id: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: "storage", sql: storage },
  { id: 2, name: "inbox", sql: inbox },
  { id: 3, name: "plugin_grants", sql: pluginGrants },
  { id: 4, name: "cache_execute", sql: cacheExecute },
  { id: 5, name: "plugin_state", sql: pluginState },
  { id: 6, name: "plugin_refusal", sql: pluginRefusal },
  { id: 7, name: "deliveries", sql: deliveries },
  { id: 25, name: "plugin_setup_failure", sql: pluginSetupFailure },
  { id: 30, name: "action_hooks", sql: actionHooks },
  { id: 35, name: "dead_letter_kinds", sql: deadLetterKinds },
  { id: 36, name: "parked", sql: parked },
  { id: 40, name: "server_status", sql: serverStatus },
  { id: 50, name: "kafka_outbox", sql: kafkaOutbox },
  { id: 65, name: "linear_cache_execute", sql: linearCacheExecute },
  { id: 66, name: "plugin_working_version", sql: pluginWorkingVersion },
  { id: 75, name: "kafka_outbox_of_people", sql: kafkaOutboxOfPeople },
  { id: 90, name: "plugin_exports", sql: pluginExports },
];
