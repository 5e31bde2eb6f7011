/** The worker that a plugin lives in. Trusted until `harden` ran; from then on it holds no power. */
import { checkAwsServices } from "./aws_services.ts";
import { createCapture } from "./capture.ts";
import { Calls, flushFrames, fromBytes, LogChannel, sendFrame, sendJson } from "./channel.ts";
import { Deadlines } from "./deadlines.ts";
import {
  type ApiAnswer,
  decodeEvents,
  decodeFrame,
  encodeFrame,
  encodeResults,
  FrameType,
  type LoadReport,
  type LoadRequest,
} from "./frames.ts";
import { ArrivingTexts } from "./arriving_texts.ts";
import { EgressDoor } from "./egress.ts";
import { harden } from "./harden.ts";
import { createNodeFetch, extendResponses } from "./node_fetch.ts";
import { NOT_READY } from "./hook_call.ts";
import { decodeHookCall } from "./hook_frames.ts";
import { PluginInstance } from "./instance.ts";
import { InstanceTimers } from "./instance_timers.ts";
import { loadPlugin, type PluginExports, RetryError } from "./load.ts";
import { SourceMap } from "./source_map.ts";
import { Libraries, type NetworkAccess } from "./libraries.ts";
import { createConsole, createMeta } from "./meta.ts";
import { createApi, SiteRequests } from "./posthog_api.ts";
import type { SiteAnswer } from "./site_frames.ts";
import { createMetrics, declaredMetrics } from "./metrics.ts";
import { readError } from "./plugin_error.ts";

const calls = new Calls();
const siteRequests = new SiteRequests();
const deadlines = new Deadlines();
const instances = new Map<number, PluginInstance>();
const timers = new Map<number, InstanceTimers>();
const door = new EgressDoor();
const nodeFetch = createNodeFetch(door.fetch);
const maps = new Map<string, SourceMap>();
const libraries = new Libraries();
/** The events that came last. Their parts come one behind the other, and of no others in between. */
let arriving = new ArrivingTexts({ total: 0, texts: [] });
let network: NetworkAccess | null = null;
let log = new LogChannel(1, 1_000);

function load(request: LoadRequest): LoadReport {
  log = new LogChannel(request.logLinesPerSecond, request.logLineLength);
  door.open(request);
  for (const path of Object.keys(request.maps)) {
    maps.set(path, new SourceMap(request.maps[path] as string));
  }
  // Before the plugin's text, which may change what they find.
  const provided = libraries.provide(nodeFetch, network);
  checkAwsServices(Object.values(request.files), provided.get("aws-sdk"));
  let exports: PluginExports = {};
  let metrics: LoadReport["metrics"] = {};
  for (const config of request.configs) {
    const meta = createMeta(config, calls);
    const { pluginName, version } = request;
    const capture = createCapture({ configId: config.id, pluginName, version }, calls);
    const api = createApi(config.id, siteRequests, nodeFetch);
    const own = new InstanceTimers();
    timers.set(config.id, own);
    const scope = {
      posthog: { capture, api },
      console: createConsole(config.id, log),
      timers: own.functions,
    };
    exports = loadPlugin(request.files, request.main, scope, provided);
    const declared = declaredMetrics(exports);
    metrics = declared;
    // A number that is lost with its process is no reason to tell the plugin.
    meta.metrics = createMetrics(declared, (...args) => {
      calls.call(config.id, "metrics.record", args).catch(() => {});
    });
    instances.set(config.id, new PluginInstance(exports, meta, request, deadlines));
  }
  const names = Object.keys(exports).filter((name) => typeof exports[name] === "function");
  const { jobs } = exports;
  return {
    error: null,
    methods: names.filter((name) => !name.startsWith("runEvery")),
    scheduledTasks: names.filter((name) => name.startsWith("runEvery")),
    jobs: typeof jobs === "object" && jobs !== null ? Object.keys(jobs) : [],
    metrics,
  };
}

function start(request: LoadRequest): void {
  let report: LoadReport;
  try {
    report = load(request);
  } catch (error) {
    report = { error: readError(error), methods: [], scheduledTasks: [], jobs: [], metrics: {} };
  }
  sendJson(FrameType.Loaded, 0, report);
  if (report.error === null) { for (const config of request.configs) setUp(config.id); }
}

async function setUp(configId: number): Promise<void> {
  const error = await instances.get(configId)?.setup() ?? null;
  log.send();
  sendJson(FrameType.SetupDone, 0, { configId, error });
}

/** Calls teardownPlugin of one config, which is gone then, or with id 0 of all. */
async function tearDown(id: number): Promise<void> {
  for (const [configId, instance] of instances) {
    if (id !== 0 && id !== configId) continue;
    try {
      await instance.teardown();
    } catch (error) {
      log.write({
        configId,
        type: "ERROR",
        message: `teardownPlugin: ${readError(error).message}`,
      });
    }
  }
  if (id !== 0) {
    instances.delete(id);
    timers.get(id)?.end();
    timers.delete(id);
  }
  log.send();
  sendFrame(encodeFrame(FrameType.TornDown, id));
}

async function callHook(id: number, payload: Uint8Array): Promise<void> {
  const { request, texts } = decodeHookCall(payload);
  const report = await instances.get(request.configId)?.call(request, texts) ?? NOT_READY;
  log.send();
  sendJson(FrameType.HookDone, id, report);
}

function handle(bytes: Uint8Array): void {
  const { type, id, payload } = decodeFrame(bytes);
  switch (type) {
    case FrameType.Load: {
      const request = fromBytes(payload) as LoadRequest;
      if (network === null) start(request);
      else network.open(request).then(() => start(request));
      return;
    }
    case FrameType.Library:
      return libraries.put(payload);
    case FrameType.Events: {
      const part = decodeEvents(payload);
      if (part.first > 0) return arriving.add(part.texts);
      arriving = new ArrivingTexts(part);
      instances.get(part.configId)?.process(arriving, (results) => {
        log.send();
        sendFrame(encodeResults(id, results));
      });
      return;
    }
    case FrameType.HookCall:
      callHook(id, payload);
      return;
    case FrameType.Answers:
      return calls.answered(id, fromBytes(payload) as ApiAnswer[]);
    case FrameType.SiteAnswer:
      return siteRequests.answered(id, fromBytes(payload) as SiteAnswer);
    case FrameType.Setup:
      setUp((fromBytes(payload) as { configId: number }).configId);
      return;
    case FrameType.Ping:
      deadlines.check();
      log.sayDropped();
      return sendFrame(encodeFrame(FrameType.Pong, id));
    case FrameType.Teardown:
      tearDown(id);
  }
}

const isTrusted = getterOf(Event.prototype, "isTrusted") as (event: Event) => boolean;
const stop = Function.prototype.call.bind(Event.prototype.stopImmediatePropagation) as (
  event: Event,
) => void;

/** A prototype's getter as a function that plugin code cannot replace. */
function getterOf(prototype: object, name: string): (target: never) => unknown {
  const getter = Object.getOwnPropertyDescriptor(prototype, name)?.get;
  if (getter === undefined) throw new Error(`there is no ${name} to capture`);
  return Function.prototype.call.bind(getter);
}

/**
 * Listens to the server and gives up every power. To be called once, as the last thing that happens
 * before any text of a library or a plugin is there.
 * @param access for libraries with sockets of their own; null where the plugin imports none
 */
export function startWorker(access: NetworkAccess | null): void {
  network = access;
  // The first listener, and the last: what the server sends is not for a listener that plugin code
  // may add, and what plugin code dispatches did not come from the server.
  globalThis.addEventListener("message", (message) => {
    if (!isTrusted(message)) return;
    stop(message);
    handle((message as MessageEvent<Uint8Array>).data);
  }, { capture: true });
  // To the host's isolate, which hands nothing on before; the last word that goes there.
  globalThis.postMessage(null);
  extendResponses();
  // Streams can be made to read from a resource by its number. Standard input is the host's to read,
  // and nothing is said on standard error from here.
  Deno.stdin.close();
  Deno.stderr.close();
  harden((error) => {
    const { message, stack } = readError(error);
    log.write({ configId: null, type: "ERROR", message: `uncaught: ${stack ?? message}` });
  }, maps);
  access?.defineGlobals();
  Object.defineProperty(globalThis, "RetryError", { value: RetryError });
  Object.defineProperty(globalThis, "fetch", {
    value: nodeFetch,
    writable: true,
    configurable: true,
  });
  // Here the server's patience with Deno's own start ends, and the plugin's time begins.
  sendFrame(encodeFrame(FrameType.Pong, 0));
  flushFrames();
}
