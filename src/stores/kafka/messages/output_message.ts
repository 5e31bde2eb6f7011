/** A message on its way to Kafka. */
export interface OutputMessage {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Uint8Array;
  /** Messages with the same text stay in order: they go to one partition. Null where it is the key's. */
  readonly order: string | null;
}

/** Topics that ClickHouse reads, as PostHog's application of late 2021 names them. */
export const TOPICS = {
  events: "clickhouse_events_proto",
  persons: "clickhouse_person",
  distinctIds: "clickhouse_person_unique_id",
  recordings: "clickhouse_session_recording_events",
  groups: "clickhouse_groups",
  pluginLogs: "plugin_log_entries",
  deadLetters: "events_dead_letter_queue",
} as const;

const encoder = new TextEncoder();

/** A message whose value is JSON. */
export function jsonMessage(
  topic: string,
  key: string | null,
  order: string | null,
  value: Readonly<Record<string, unknown>>,
): OutputMessage {
  return { topic, key, order, value: encoder.encode(JSON.stringify(value)) };
}

/** `YYYY-MM-DD HH:MM:SS` of an ISO 8601 date in UTC. */
export function secondsForm(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

/** `YYYY-MM-DD HH:MM:SS.mmm` of an ISO 8601 date in UTC. */
export function millisecondsForm(iso: string): string {
  return iso.slice(0, 23).replace("T", " ");
}
