/**
 * Events through the fence and back, at several sizes of batch, against two bare Web Workers that do
 * the same work with no fence around it: one is sent the events as objects (structured clone, which
 * is what `postMessage` does with an event), the other as JSON texts. One iteration is one batch:
 * events/s is the batch size by iter/s.
 */
import pLimit from "p-limit";
import { Breaker } from "../src/plugins/breaker/breaker.ts";
import { EgressGateway } from "../src/plugins/egress/egress_gateway.ts";
import { RUNTIME_FOLDER } from "../src/plugins/hosts/host_command.ts";
import { PluginHost } from "../src/plugins/hosts/plugin_host.ts";
import type { PluginSpec } from "../src/plugins/types.ts";

const FILLER = "x".repeat(60);

/** An event of about 1 KB, as JSON text. */
function eventText(number: number): Uint8Array {
  const properties: Record<string, unknown> = {};
  for (let index = 0; index < 10; index++) properties[`property_${index}`] = FILLER + number;
  return new TextEncoder().encode(JSON.stringify({
    uuid: `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`,
    event: "$pageview",
    distinct_id: `visitor ${number}`,
    team_id: 1,
    ip: "127.0.0.1",
    site_url: null,
    now: "2021-10-28T12:00:00.000Z",
    sent_at: null,
    properties,
  }));
}

const spec: PluginSpec = {
  id: 1,
  name: "Bench",
  digest: "bench",
  organizationId: "00000000-0000-0000-0000-000000000001",
  isolatedConfigId: null,
  code: {
    files: new Map([[
      "index.js",
      "exports.processEvent = (event) => { event.properties.seen = true; return event }",
    ]]),
    main: "index.js",
    language: "javascript",
  },
  grants: [],
  configs: [{
    id: 1,
    teamId: 1,
    pluginId: 1,
    order: 1,
    config: {},
    attachments: {},
    updatedAt: "",
  }],
  maxWorkers: null,
  version: "1",
};

function startHost(ofSpec = spec): PluginHost {
  return new PluginHost(ofSpec, {
    runtime: RUNTIME_FOLDER,
    taskTimeoutMs: 30_000,
    tasksPerWorker: 10,
    limits: { heapMb: 128, dataMb: 1_600, nice: 0 },
    logLinesPerSecond: 100,
    logLineLength: 10_000,
    idleMs: 0,
    egress: { requests: 64, requestMs: 60_000, bytesPerMinute: 1e9 },
    instanceId: "bench",
  }, {
    log: { write: () => {} },
    reports: { failed: () => {}, loaded: () => {}, ready: () => {}, gaveUp: () => {} },
    api: { call: () => Promise.resolve([]) },
    breaker: new Breaker(),
    starts: pLimit(4),
    egress: new EgressGateway(() => {}),
    refused: () => {},
  });
}

/** What the plugin above does, to events that arrive as objects. */
const ECHO_OBJECTS = `onmessage = ({ data }) => {
  for (const event of data) event.properties.seen = true;
  postMessage(data);
}`;

/** The same to events that arrive as texts. */
const ECHO_TEXTS = `onmessage = ({ data }) => postMessage(data.map((text) => {
  const event = JSON.parse(text);
  event.properties.seen = true;
  return JSON.stringify(event);
}))`;

function startEcho(code: string): { ask(batch: readonly unknown[]): Promise<readonly unknown[]> } {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  return {
    ask: (batch) =>
      new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(batch);
      }),
  };
}

const host = startHost();
const objectEcho = startEcho(ECHO_OBJECTS);
const textEcho = startEcho(ECHO_TEXTS);
await host.process(1, [eventText(0)]);
await objectEcho.ask([{ properties: {} }]);
await textEcho.ask(['{"properties":{}}']);

for (const size of [1, 10, 100, 500]) {
  const bytes = Array.from({ length: size }, (_, number) => eventText(number));
  const texts = bytes.map((text) => new TextDecoder().decode(text));
  const objects = texts.map((text) => JSON.parse(text));
  const group = `batch of ${size}`;
  Deno.bench(`bare worker, objects, ${group}`, { group, baseline: true }, async () => {
    await objectEcho.ask(objects);
  });
  Deno.bench(`bare worker, texts, ${group}`, { group }, async () => {
    await textEcho.ask(texts);
  });
  Deno.bench(`fence, ${group}`, { group }, async () => {
    await host.process(1, bytes);
  });
}

const batch = Array.from({ length: 100 }, (_, number) => eventText(number));
Deno.bench("fence, 8 batches of 100 in flight", { group: "in flight" }, async () => {
  await Promise.all(Array.from({ length: 8 }, () => host.process(1, batch)));
});

const thousand = Array.from({ length: 1_000 }, (_, number) => eventText(number));
const hooks = startHost({
  ...spec,
  code: {
    ...spec.code,
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

Deno.bench("cold start: a plugin's first event", { group: "start" }, async () => {
  const cold = startHost();
  await cold.process(1, [eventText(0)]);
  await cold.stop(0);
});
