/** What goes through the fence: several batches at once, hooks and jobs. */
import { eventText, SEEING, startHost } from "./fence/parts.ts";

const host = startHost();
await host.process(1, [eventText(0)]);

const batch = Array.from({ length: 100 }, (_, number) => eventText(number));
Deno.bench("fence, 8 batches of 100 in flight", { group: "in flight" }, async () => {
  await Promise.all(Array.from({ length: 8 }, () => host.process(1, batch)));
});

const thousand = Array.from({ length: 1_000 }, (_, number) => eventText(number));
const hooks = startHost({
  ...SEEING,
  code: {
    ...SEEING.code,
    files: new Map([[
      "index.js",
      `exports.processEventBatch = (events) => {
        for (const event of events) event.properties.seen = true
        return events
      }
      exports.onEvent = (event) => event.properties.seen
      exports.exportEvents = (events) => events.length
      exports.jobs = { count: ({ number }) => number }`,
    ]]),
  },
});
await hooks.process(1, [eventText(0)]);
const hundreds = Array.from(
  { length: 10 },
  (_, index) => thousand.slice(index * 100, index * 100 + 100),
);
Deno.bench("processEvent, 1,000 events", { group: "hooks", baseline: true }, async () => {
  await Promise.all(hundreds.map((texts) => host.process(1, texts)));
});
Deno.bench("processEventBatch, 1,000 events", { group: "hooks" }, async () => {
  await Promise.all(hundreds.map((texts) => hooks.process(1, texts)));
});
Deno.bench("onEvent, 1,000 events", { group: "hooks" }, async () => {
  const request = { hook: "onEvent", configId: 1, job: null };
  await Promise.all(hundreds.map((texts) => hooks.call(request, texts)));
});
Deno.bench("exportEvents, 1,000 events", { group: "hooks" }, async () => {
  await hooks.call({ hook: "exportEvents", configId: 1, job: null }, thousand);
});
Deno.bench("1,000 jobs", { group: "hooks" }, async () => {
  const payload = new TextEncoder().encode('{"number":1}');
  await Promise.all(
    thousand.map(() => hooks.call({ hook: "job", configId: 1, job: "count" }, [payload])),
  );
});
