/** Lines that come again and again: the first few are written, then how many more there were. */
import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { lineText } from "../../src/telemetry/line_text.ts";
import { jsonLine } from "../../src/telemetry/log.ts";
import { Repeats } from "../../src/telemetry/repeats.ts";

function record(
  template: readonly string[],
  values: readonly unknown[],
  timestamp: number,
): LogRecord {
  return {
    category: ["paddock", "pipeline"],
    level: "warning",
    message: template.flatMap((text, index) => index === 0 ? [text] : [values[index - 1], text]),
    rawMessage: template as unknown as TemplateStringsArray,
    timestamp,
    properties: { uuid: `uuid ${timestamp}`, team: 2 },
  };
}

Deno.test("a flood of one kind is ten lines and a count; other lines are not held back", () => {
  const written: string[] = [];
  const repeats = new Repeats((line) => written.push(lineText(line)), { windowMs: 1_000 });
  for (let time = 0; time < 500; time++) {
    repeats.write(record(["dead letter: ", ""], [time], time));
    if (time === 250) repeats.write(record(["the store is away"], [], time));
  }
  assert.equal(written.length, 11);
  assert.ok(written.includes("the store is away"));
  repeats.write(record(["dead letter: ", ""], ["later"], 1_000));
  assert.deepEqual(written.slice(-2), [
    "dead letter: 499 (and 489 more like it)",
    "dead letter: later",
  ]);
  repeats.flush();
  assert.equal(written.length, 13, "what was held back before is not said twice");
});

Deno.test("what is held back at the end is said", () => {
  const written: LogRecord[] = [];
  const repeats = new Repeats((line) => written.push(line));
  for (let time = 0; time < 15; time++) repeats.write(record(["again"], [], time));
  assert.equal(written.length, 10);
  repeats.flush();
  assert.equal(lineText(written.at(-1) as LogRecord), "again (and 4 more like it)");
  assert.equal(written.length, 11);
});

Deno.test("kinds without end take no memory without end", () => {
  let lines = 0;
  const repeats = new Repeats(() => lines++, { kinds: 5, most: 2 });
  for (let kind = 0; kind < 1_000; kind++) repeats.write(record([`kind ${kind}`], [], 0));
  assert.equal(lines, 5 + 2);
});

Deno.test("a line of JSON has uuid and team as members of their own", () => {
  const line = JSON.parse(jsonLine(record(["dead letter: ", ""], ["no event"], 5)));
  assert.deepEqual(line, {
    time: "1970-01-01T00:00:00.005Z",
    level: "warning",
    part: "pipeline",
    message: "dead letter: no event",
    uuid: "uuid 5",
    team: 2,
  });
});
