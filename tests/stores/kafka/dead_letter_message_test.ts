import assert from "node:assert/strict";
import type { DeadLetter } from "../../../src/events/dead_letter.ts";
import { deadLetterMessage } from "../../../src/stores/kafka/messages/dead_letter_message.ts";

const UUID = "0174876e-8000-0000-0123-456789abcdef";
const raw = {
  teamId: 2,
  distinctId: "d",
  ip: "1.2.3.4",
  siteUrl: "https://site",
  now: "2021-10-28T12:36:26.123Z",
  sentAt: null,
  uuid: UUID,
  data: {
    event: "e",
    distinct_id: "d",
    properties: { a: 1 },
    timestamp: "2021-10-28T11:00:00Z",
    $set: { b: 2 },
  },
};
const letter: DeadLetter = {
  kind: "event",
  source: "kafka",
  teamId: 2,
  eventUuid: UUID,
  event: "e",
  distinctId: "d",
  step: "write",
  pluginConfigId: null,
  code: "PDK_EVENT_INVALID",
  reason: "x",
  attempts: 1,
  payload: JSON.stringify(raw),
};

const told = (over: Partial<DeadLetter> = {}) =>
  JSON.parse(
    new TextDecoder().decode(
      deadLetterMessage({ ...letter, ...over }, "2022-01-01T00:00:00.999Z").value,
    ),
  );

Deno.test("events get sent to dead letter queue on error, with all that is known of them", () => {
  const { id, ...members } = told();
  assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.deepEqual(members, {
    event: "e",
    distinct_id: "d",
    properties: '{"a":1}',
    $set: { b: 2 },
    event_uuid: UUID,
    team_id: 2,
    ip: "1.2.3.4",
    site_url: "https://site",
    now: "2021-10-28 12:36:26",
    raw_payload: JSON.stringify(raw),
    error_timestamp: "2022-01-01 00:00:00",
    error_location: "plugin_server_ingest_event",
    error: "ingestEvent failed. Error: x",
  });
});

Deno.test("a letter has the same id when its batch is done again, and another has another", () => {
  const { id } = told();
  assert.equal(told({ attempts: 2 }).id, id);
  for (const other of [{ source: "http" }, { reason: "y" }, { eventUuid: null }, { payload: "" }]) {
    assert.notEqual(told(other).id, id);
  }
});

Deno.test("what is no event is a dead letter of the same columns", () => {
  const message = told({
    kind: "message",
    teamId: null,
    eventUuid: "no uuid",
    event: null,
    distinctId: null,
    payload: "no JSON",
  });
  assert.deepEqual(
    [message.event, message.distinct_id, message.team_id, message.properties, message.now],
    ["", "", 0, "{}", null],
  );
  assert.equal(message.event_uuid, "00000000-0000-0000-0000-000000000000");
  assert.equal(message.raw_payload, "no JSON");
});
