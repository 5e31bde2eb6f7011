/** A plugin in the fence, the bare workers beside it, and the events that both are given. */
import pLimit from "p-limit";
import { Breaker } from "../../src/plugins/breaker/breaker.ts";
import { EgressGateway } from "../../src/plugins/egress/egress_gateway.ts";
import { RUNTIME_FOLDER } from "../../src/plugins/hosts/host_command.ts";
import { PluginHost } from "../../src/plugins/hosts/plugin_host.ts";
import type { PluginSpec } from "../../src/plugins/types.ts";

const FILLER = "x".repeat(60);

/** An event of about 1 KB, as JSON text. */
export function eventText(number: number): Uint8Array {
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

export const SEEING: PluginSpec = {
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

export function startHost(ofSpec = SEEING): PluginHost {
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
export const ECHO_OBJECTS = `onmessage = ({ data }) => {
  for (const event of data) event.properties.seen = true;
  postMessage(data);
}`;

/** The same to events that arrive as texts. */
export const ECHO_TEXTS = `onmessage = ({ data }) => postMessage(data.map((text) => {
  const event = JSON.parse(text);
  event.properties.seen = true;
  return JSON.stringify(event);
}))`;

export function startEcho(
  code: string,
): { ask(batch: readonly unknown[]): Promise<readonly unknown[]> } {
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
