/** The tap on its own: what is shown of a flood, of huge events, and for how long. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { EventTap, type TapLine } from "../../src/telemetry/event_tap.ts";
import { eventually } from "../services/eventually.ts";

function tapped(): { tap: EventTap; lines: (id: string) => TapLine[]; sizes: number[] } {
  const sent: { id: string; line: TapLine }[] = [];
  const sizes: number[] = [];
  const tap = new EventTap((id, lines) => {
    for (const line of lines) {
      sizes.push(new TextEncoder().encode(line).byteLength);
      sent.push({ id, line: JSON.parse(line) });
    }
    return Promise.resolve();
  });
  return {
    tap,
    sizes,
    lines: (id) => sent.filter((each) => each.id === id).map(({ line }) => line),
  };
}

const events = (count: number, properties = {}) =>
  Array.from({ length: count }, (_, number) => ({
    uuid: randomUUID(),
    event: number % 2 === 0 ? "even" : "odd",
    distinct_id: `visitor ${number}`,
    properties,
  }));

Deno.test("nobody listens until somebody asks in a way that can be understood", () => {
  const { tap } = tapped();
  for (const payload of ["", "{", "null", `{"id":"../x"}`, `{"id":5}`]) tap.asked(payload);
  assert.equal(tap.isOpen, false);
  tap.asked(JSON.stringify({ id: randomUUID() }));
  assert.equal(tap.isOpen, true);
  tap.close();
  assert.equal(tap.isOpen, false);
});

Deno.test("a flood is so many lines a second, and the rest is counted", async () => {
  const { tap, lines } = tapped();
  const id = randomUUID();
  tap.asked(JSON.stringify({ id, most: 5, event: "odd" }));
  tap.pass({ name: "received" }, 2, events(1_000));
  await eventually(() => lines(id).length >= 5);
  await eventually(() => {
    tap.pass({ name: "received" }, 2, events(2));
    return lines(id).some(({ skipped }) => skipped !== undefined && skipped >= 490);
  });
  assert.ok(lines(id).every(({ event }) => event === "odd"));
  tap.close();
});

Deno.test("a sample shows all points of an event or none", async () => {
  const { tap, lines } = tapped();
  const id = randomUUID();
  tap.asked(JSON.stringify({ id, most: 10_000, sample: 0.3 }));
  const all = events(1_000);
  for (const name of ["received", "before One", "leaves"]) tap.pass({ name }, 2, all);
  await eventually(() => lines(id).some(({ point }) => point === "leaves"));
  const points = Map.groupBy(lines(id), ({ uuid }) => uuid);
  assert.ok(points.size > 200 && points.size < 400, `${points.size} of 1000`);
  for (const each of points.values()) assert.equal(each.length, 3);
  tap.close();
});

Deno.test("no line is longer than a notification, whatever is in the event", async () => {
  const { tap, lines, sizes } = tapped();
  const id = randomUUID();
  tap.asked(JSON.stringify({ id, most: 100 }));
  for (const text of ["x", "\u0000", '"', "\\", "€", "🦔", "\u2028"]) {
    tap.pass({ name: "received" }, 2, [{
      uuid: randomUUID(),
      event: text.repeat(10_000),
      distinct_id: text.repeat(10_000),
      properties: { [text]: text.repeat(20_000) },
    }]);
    tap.pass({ name: `before ${text.repeat(500)}` }, 2, events(1, { a: text.repeat(800) }));
  }
  await eventually(() => lines(id).length === 14);
  assert.ok(Math.max(...sizes) < 8_000, `${Math.max(...sizes)} bytes`);
  tap.close();
});
