import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { decodeEvent, encodeEvents } from "../../../src/stores/kafka/messages/event_messages.ts";

Deno.test("an event is the very bytes that the server before writes", () => {
  const fields = {
    uuid: "u",
    event: "e",
    properties: "{}",
    timestamp: "2021-10-28 12:36:26.123",
    teamId: 2,
    distinctId: "d",
    createdAt: "2021-10-28T12:36:26.123Z",
    elementsChain: "",
  };
  const hex = (text: string) => Buffer.from(text).toString("hex");
  const [first, second] = encodeEvents([fields, { ...fields, properties: '{"a":"🦔"}' }]);
  assert.equal(
    Buffer.from(first as Uint8Array).toString("hex"),
    "44" + "0a01" + hex("u") + "1201" + hex("e") + "1a02" + hex("{}") + "2217" +
      hex(fields.timestamp) + "2802" + "3201" + hex("d") + "3a18" + hex(fields.createdAt) + "4200",
  );
  assert.deepEqual(decodeEvent(first as Uint8Array), fields);
  assert.deepEqual(decodeEvent(second as Uint8Array), { ...fields, properties: '{"a":"🦔"}' });
});
