/**
 * One plugin as the server sees it: frames in, results out, whatever happens to the process behind
 * it. A crash costs the event that caused it; the others are done again.
 */
import { Buffer } from "node:buffer";
import {
  type ApiCall,
  decodeResults,
  encodeEvents,
  encodeFrame,
  type EventResult,
  type Frame,
  FrameType,
  type LoadReport,
  type LoadRequest,
  type LogLine,
  type PluginError,
  ResultStatus,
  type SetupReport,
} from "../../../plugins_runtime/frames.ts";
import { errorMessage } from "../../errors.ts";
import type {
  PluginApi,
  PluginConfig,
  PluginLog,
  PluginLogEntry,
  PluginReports,
  PluginSpec,
} from "../types.ts";
import { Breaker } from "./breaker.ts";
import { HostProcess } from "./host_process.ts";
import type { HostLimits } from "./host_command.ts";

export interface PluginHostOptions {
  readonly taskTimeoutMs: number;
  readonly tasksPerWorker: number;
  /** Folder of the files that run in the process; see `RUNTIME_FOLDER`. */
  readonly runtime: string;
  readonly limits: HostLimits;
  readonly logLinesPerSecond: number;
  /** Without work for so long its process is ended; 0 is never. */
  readonly idleMs: number;
  /** Shown in the plugin's log. */
  readonly instanceId: string;
}

export interface PluginHostParts {
  readonly log: PluginLog;
  readonly reports: PluginReports;
  readonly api: PluginApi;
}

/** Events of one config on their way through, and what came back so far. */
interface Job {
  readonly id: number;
  readonly configId: number;
  readonly texts: readonly Uint8Array[];
  readonly bytes: number;
  readonly results: (EventResult | undefined)[];
  missing: number;
  /** Crashes that this job was the first in line for. */
  strikes: number;
  readonly done: (results: EventResult[]) => void;
}

/** Frames and bytes that are with the process at a time, so that it never waits for the next. */
const IN_FLIGHT = 64;
const IN_FLIGHT_BYTES = 4 * 1024 * 1024;

/** Crashes within one job after which its other events pass the plugin by. */
const MAX_STRIKES = 3;

/** Setup is tried this often, waiting 3 s, 6 s, 12 s … in between, as the server before did. */
const SETUP_ATTEMPTS = 10;
const SETUP_FIRST_WAIT_MS = 3_000;

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class PluginHost {
  readonly spec: PluginSpec;
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  readonly #options: PluginHostOptions;
  readonly #parts: PluginHostParts;
  readonly #breaker = new Breaker();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Jobs in order; those with the process are at its front. */
  readonly #jobs: Job[] = [];
  #sent = 0;
  /** While a crash is looked into, its job's events go one by one. */
  #single: { readonly job: Job; readonly index: number } | null = null;
  #process: HostProcess | null = null;
  #isLoaded = false;
  #loadError: PluginError | null = null;
  /** Null until the code was loaded once. */
  #processesEvents: boolean | null = null;
  #nextId = 1;
  #crashes = 0;
  #respawnAt = 0;
  #lastWork = performance.now();
  #stopped = false;
  #tornDown: (() => void) | null = null;
  /** The frames of calls are worked off one after the other, in the plugin's order. */
  #calls: Promise<void> = Promise.resolve();
  readonly #setupFailures = new Map<number, number>();

  constructor(spec: PluginSpec, options: PluginHostOptions, parts: PluginHostParts) {
    this.spec = spec;
    this.#options = options;
    this.#parts = parts;
    this.#configs = new Map(spec.configs.map((config) => [config.id, config]));
  }

  /** False once it is known that it has nothing to say about events. */
  get mayProcessEvents(): boolean {
    return this.#processesEvents !== false;
  }

  /** Of its process, if it runs. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Starts the process ahead of the first event. */
  start(): void {
    if (this.#process === null && !this.#stopped) this.#spawn();
  }

  /** Results in input order. Never rejects: what the plugin does is in the results. */
  process(configId: number, texts: readonly Uint8Array[]): Promise<EventResult[]> {
    const now = performance.now();
    this.#lastWork = now;
    if (this.#stopped) return Promise.resolve(allWith(texts, ResultStatus.PassedBy));
    if (this.#loadError !== null) return Promise.resolve(allWith(texts, ResultStatus.PassedBy));
    if (this.#breaker.isPaused(now)) {
      const error = { message: "the plugin is paused after repeated crashes" };
      return Promise.resolve(texts.map((_, index) => failure(index, error)));
    }
    return new Promise((done) => {
      this.#jobs.push({
        id: this.#nextId++,
        configId,
        texts,
        bytes: texts.reduce((sum, text) => sum + text.byteLength, 0),
        results: new Array<EventResult | undefined>(texts.length).fill(undefined),
        missing: texts.length,
        strikes: 0,
        done,
      });
      this.#pump();
    });
  }

  /** Ends the process if it has had nothing to do for long; it starts again with the next event. */
  reapIfIdle(now: number): void {
    const { idleMs } = this.#options;
    if (idleMs > 0 && this.#jobs.length === 0 && now - this.#lastWork > idleMs) this.#end(1_000);
  }

  /** Finishes what is in it, calls teardownPlugin and ends the process, within `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#end(patienceMs);
    for (const job of this.#jobs.splice(0)) job.done(completed(job, ResultStatus.PassedBy));
  }

  async #end(patienceMs: number): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    if (this.#isLoaded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#tornDown = resolve;
      process.send(encodeFrame(FrameType.Teardown, 0));
      await Promise.race([promise, process.gone(), this.#wait(patienceMs)]);
      this.#system("INFO", "Plugin unloaded");
    }
    if (this.#process === process) this.#process = null;
    this.#isLoaded = false;
    this.#sent = 0;
    process.kill("it was unloaded");
    await process.gone();
  }

  #spawn(): void {
    const { runtime, limits, taskTimeoutMs, tasksPerWorker, logLinesPerSecond } = this.#options;
    const process: HostProcess = new HostProcess(
      { runtime, limits, grants: this.spec.grants, silenceMs: taskTimeoutMs },
      {
        frame: (frame) => {
          if (this.#process === process) this.#receive(frame, process);
        },
        ended: (reason) => {
          if (this.#process === process) this.#crashed(reason);
        },
      },
    );
    this.#process = process;
    this.#isLoaded = false;
    this.#sent = 0;
    const request: LoadRequest = {
      pluginName: this.spec.name,
      files: Object.fromEntries(this.spec.code.files),
      main: this.spec.code.main,
      configs: this.spec.configs.map((config) => ({
        id: config.id,
        teamId: config.teamId,
        config: config.config,
        attachments: Object.fromEntries(
          Object.entries(config.attachments).map(([key, { contents, ...names }]) => [key, {
            ...names,
            contents: Buffer.from(contents).toString("base64"),
          }]),
        ),
      })),
      taskTimeoutMs,
      tasksPerWorker,
      logLinesPerSecond,
    };
    process.send(encodeFrame(FrameType.Load, 0, encoder.encode(JSON.stringify(request))));
    process.setBusy(true);
  }

  #pump(): void {
    if (this.#stopped || this.#jobs.length === 0) return;
    if (this.#process === null) {
      const wait = this.#respawnAt - performance.now();
      if (wait <= 0) this.#spawn();
      else this.#later(wait, () => this.#pump());
      return;
    }
    if (!this.#isLoaded) return;
    const [first] = this.#jobs;
    if (first !== undefined && first.strikes > 0) return this.#pumpSingle(first, this.#process);
    let bytes = this.#jobs.slice(0, this.#sent).reduce((sum, job) => sum + job.bytes, 0);
    while (this.#sent < Math.min(this.#jobs.length, IN_FLIGHT)) {
      const job = this.#jobs[this.#sent] as Job;
      bytes += job.bytes;
      if (job.strikes > 0 || this.#sent > 0 && bytes > IN_FLIGHT_BYTES) break;
      this.#process.send(encodeEvents(job.id, job.configId, job.texts));
      this.#sent++;
    }
    this.#process.setBusy(this.#sent > 0);
  }

  /** After a crash: one event, alone, so that the next crash says which it was. */
  #pumpSingle(job: Job, process: HostProcess): void {
    if (this.#single !== null) return;
    const index = job.results.findIndex((result) => result === undefined);
    this.#single = { job, index };
    this.#sent = 1;
    process.send(encodeEvents(job.id, job.configId, [job.texts[index] as Uint8Array]));
    process.setBusy(true);
  }

  #receive({ type, id, payload }: Frame, process: HostProcess): void {
    try {
      switch (type) {
        case FrameType.Results:
          return this.#receiveResults(id, decodeResults(payload));
        case FrameType.Calls:
          return this.#receiveCalls(id, json(payload) as ApiCall[], process);
        case FrameType.Log:
          return this.#receiveLog(json(payload) as LogLine[]);
        case FrameType.Loaded:
          return this.#receiveLoaded(json(payload) as LoadReport, process);
        case FrameType.SetupDone:
          return this.#receiveSetup(json(payload) as SetupReport);
        case FrameType.TornDown:
          return this.#tornDown?.();
      }
    } catch (error) {
      process.kill(`it broke the protocol: ${errorMessage(error)}`);
    }
  }

  /** Only what was asked for counts, and only once: anything else is a forgery and is ignored. */
  #receiveResults(id: number, results: readonly EventResult[]): void {
    const position = this.#jobs.findIndex((job) => job.id === id);
    if (position === -1 || position >= this.#sent) return;
    const job = this.#jobs[position] as Job;
    for (const result of results) {
      const index = this.#single?.job === job ? this.#single.index : result.index;
      if (index >= job.texts.length || job.results[index] !== undefined) continue;
      job.results[index] = { ...result, index };
      job.missing--;
      if (result.status === ResultStatus.Failed) this.#reportFailure(job, index, result);
    }
    this.#single = null;
    if (job.missing === 0) {
      this.#jobs.splice(position, 1);
      this.#sent--;
      this.#crashes = 0;
      this.#breaker.succeeded(performance.now());
      job.done(job.results as EventResult[]);
    } else if (job.strikes > 0) {
      this.#sent--;
    }
    if (this.#sent === 0) this.#process?.setBusy(false);
    this.#pump();
  }

  #receiveCalls(id: number, calls: readonly ApiCall[], process: HostProcess): void {
    if (!Array.isArray(calls)) throw new TypeError("calls are not a list");
    this.#calls = this.#calls.then(async () => {
      const answers = await this.#parts.api.call(
        this.#configs,
        calls.map(({ configId, method, args }) => ({ pluginConfigId: configId, method, args })),
      );
      process.send(encodeFrame(FrameType.Answers, id, encoder.encode(JSON.stringify(answers))));
    });
  }

  #receiveLog(lines: readonly LogLine[]): void {
    for (const { configId, type, message } of lines) {
      const source = configId === null ? "PLUGIN" : "CONSOLE";
      const configs = configId === null ? this.spec.configs : [this.#configs.get(configId)];
      for (const config of configs) {
        if (config === undefined) continue;
        this.#log(config, source, LOG_TYPES.has(type) ? type : "LOG", String(message));
      }
    }
  }

  #receiveLoaded(report: LoadReport, process: HostProcess): void {
    process.setBusy(false);
    if (report.error !== null) {
      this.#loadError = report.error;
      const message = report.error.stack ?? report.error.message;
      this.#system(
        "ERROR",
        `Plugin failed to load (instance ID ${this.#options.instanceId}). ${message}`,
      );
      for (const { id } of this.spec.configs) {
        this.#parts.reports.failed(id, { ...report.error, time: new Date().toISOString() });
      }
      for (const job of this.#jobs.splice(0)) job.done(completed(job, ResultStatus.PassedBy));
      this.#end(0);
      return;
    }
    this.#isLoaded = true;
    this.#processesEvents = report.methods.includes("processEvent") ||
      report.methods.includes("processEventBatch");
    for (const { id, pluginId } of this.spec.configs) {
      this.#parts.reports.loaded(id, pluginId, {
        methods: report.methods,
        scheduled_tasks: report.scheduledTasks,
        jobs: report.jobs,
      });
    }
    this.#pump();
  }

  #receiveSetup({ configId, error }: SetupReport): void {
    const config = this.#configs.get(configId);
    if (config === undefined) return;
    const { instanceId } = this.#options;
    if (error === null) {
      this.#setupFailures.delete(configId);
      this.#log(config, "SYSTEM", "INFO", `Plugin loaded (instance ID ${instanceId}).`);
      return;
    }
    const failures = (this.#setupFailures.get(configId) ?? 0) + 1;
    this.#setupFailures.set(configId, failures);
    this.#parts.reports.failed(configId, { ...error, time: new Date().toISOString() });
    const failed = `Plugin failed to load (instance ID ${instanceId}).`;
    this.#log(config, "PLUGIN", "ERROR", error.stack ?? error.message);
    if (failures >= SETUP_ATTEMPTS) {
      this.#log(
        config,
        "SYSTEM",
        "ERROR",
        `${failed} Disabling it due to too many retries – tried to load it ${SETUP_ATTEMPTS} times before giving up.`,
      );
      this.#parts.reports.gaveUp(configId);
      return;
    }
    const wait = SETUP_FIRST_WAIT_MS * 2 ** (failures - 1);
    this.#log(config, "SYSTEM", "ERROR", `${failed} Retrying in ${wait / 1000} s.`);
    this.#later(wait, () => {
      const payload = encoder.encode(JSON.stringify({ configId }));
      if (this.#isLoaded) this.#process?.send(encodeFrame(FrameType.Setup, 0, payload));
    });
  }

  /** The process died under its work, or before it had any. */
  #crashed(reason: string): void {
    this.#process = null;
    this.#isLoaded = false;
    const single = this.#single;
    this.#single = null;
    this.#sent = 0;
    if (this.#stopped) return;
    const now = performance.now();
    this.#crashes++;
    this.#respawnAt = now + Math.min(50 * 2 ** this.#crashes, 10_000);
    this.#system("ERROR", `Plugin stopped: ${reason}.`);
    const [job] = this.#jobs;
    if (job !== undefined) this.#blame(job, single?.index ?? null, reason);
    const pause = this.#breaker.strike(now);
    if (pause !== null) {
      this.#system("ERROR", `Plugin paused for ${pause / 1000} s after repeated crashes.`);
      const error = { message: `the plugin is paused: ${reason}` };
      for (const waiting of this.#jobs.splice(0)) {
        waiting.done(waiting.results.map((result, index) => result ?? failure(index, error)));
      }
      return;
    }
    this.#pump();
  }

  /** Marks the event that was alone in the crash; with three strikes, all that is left of its job. */
  #blame(job: Job, culprit: number | null, reason: string): void {
    job.strikes++;
    const error = { message: `the plugin stopped: ${reason}` };
    const blamed = job.strikes > MAX_STRIKES
      ? job.results.flatMap((result, index) => result === undefined ? [index] : [])
      : culprit === null
      ? job.texts.length === 1 ? [0] : []
      : [culprit];
    for (const index of blamed) {
      const result = failure(index, error);
      job.results[index] = result;
      job.missing--;
      this.#reportFailure(job, index, result);
    }
    if (job.missing > 0) return;
    this.#jobs.shift();
    job.done(job.results as EventResult[]);
  }

  #reportFailure(job: Job, index: number, result: EventResult): void {
    const config = this.#configs.get(job.configId);
    if (config === undefined) return;
    let error: PluginError;
    try {
      error = json(result.text) as PluginError;
    } catch {
      error = { message: "an error that cannot be read" };
    }
    const event = json(job.texts[index] as Uint8Array) as Record<string, unknown>;
    this.#parts.reports.failed(job.configId, { ...error, time: new Date().toISOString(), event });
    this.#log(config, "PLUGIN", "ERROR", error.stack ?? error.message);
  }

  #system(type: PluginLogEntry["type"], message: string): void {
    for (const config of this.spec.configs) this.#log(config, "SYSTEM", type, message);
  }

  #log(
    config: PluginConfig,
    source: PluginLogEntry["source"],
    type: PluginLogEntry["type"],
    message: string,
  ): void {
    this.#parts.log.write({
      teamId: config.teamId,
      pluginId: config.pluginId,
      pluginConfigId: config.id,
      source,
      type,
      message,
    });
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#stopped) run();
    }, ms);
    this.#timers.add(timer);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      Deno.unrefTimer(timer);
    });
  }
}

const LOG_TYPES: ReadonlySet<string> = new Set(["DEBUG", "LOG", "INFO", "WARN", "ERROR"]);

function json(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}

function failure(index: number, error: PluginError): EventResult {
  return { index, status: ResultStatus.Failed, text: encoder.encode(JSON.stringify(error)) };
}

function allWith(texts: readonly Uint8Array[], status: ResultStatus): EventResult[] {
  return texts.map((_, index) => ({ index, status, text: NOTHING }));
}

function completed(job: Job, status: ResultStatus): EventResult[] {
  return Array.from(
    job.results,
    (result, index) => result ?? { index, status, text: NOTHING },
  );
}
