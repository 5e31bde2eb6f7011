/**
 * One plugin as the server sees it: frames in, results out, whatever happens to the process behind
 * it. A crash costs the event that caused it; the others are done again.
 */
import {
  decodeResults,
  encodeFrame,
  type EventResult,
  type Frame,
  FrameType,
  type LoadReport,
  type PluginError,
  type SetupReport,
} from "../../../plugins_runtime/frames.ts";
import type { HookRequest } from "../../../plugins_runtime/hook_frames.ts";
import { errorMessage } from "../../errors.ts";
import type { EgressPass, EgressRefusal } from "../egress/egress_gateway.ts";
import type { HookOutcome } from "../../pipeline/plugin_hooks.ts";
import type { PluginCapabilities, PluginConfig, PluginSpec } from "../types.ts";
import { BreakerWatch } from "./breaker_watch.ts";
import { CallRelay } from "./call_relay.ts";
import { ConfigSetups } from "./config_setups.ts";
import { HostEgress } from "./host_egress.ts";
import type { PluginHostOptions, PluginHostParts } from "./host_parts.ts";
import { HostProcess } from "./host_process.ts";
import { HookCalls } from "./hook_calls.ts";
import {
  readLoadReport,
  readLogLines,
  readRefusedHost,
  readSetupReport,
  type RefusedHost,
} from "./host_reports.ts";
import { growthMs } from "./frame_limits.ts";
import { failure, passedBy } from "./job.ts";
import { JobQueue } from "./job_queue.ts";
import { LeavingConfigs } from "./leaving_configs.ts";
import { loadFrame } from "./load_request.ts";
import { LOWEST_PRIORITY } from "./process_priority.ts";
import type { WorkingProcess } from "./processor_watch.ts";
import { PluginMessages } from "./plugin_messages.ts";
import { Renewal } from "./renewal.ts";
import { RunReports } from "./run_reports.ts";
import { SiteRelay } from "../site/site_relay.ts";

const NO_EXPORTS: PluginCapabilities = { methods: [], scheduled_tasks: [], jobs: [] };

const encoder = new TextEncoder();

/** What teardownPlugin may take where nobody waits for its end but the plugin's own work. */
const TEARDOWN_MS = 1_000;

export class PluginHost {
  readonly spec: PluginSpec;
  readonly #configs: Map<number, PluginConfig>;
  readonly #options: PluginHostOptions;
  readonly #parts: PluginHostParts;
  readonly #messages: PluginMessages;
  readonly #setups: ConfigSetups;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #jobs: JobQueue;
  readonly #watch: BreakerWatch;
  readonly #runs: RunReports;
  readonly #site: SiteRelay;
  readonly #calls: CallRelay;
  readonly #egress: HostEgress;
  readonly #leaving: LeavingConfigs;
  #process: HostProcess | null = null;
  #isStarting = false;
  /** Lets the next process start; while this one loads it counts as starting. */
  #started: () => void = () => {};
  #isLoaded = false;
  #loadError: PluginError | null = null;
  /** Null until the code was loaded once, by whomever. */
  #exports: PluginCapabilities | null;
  readonly #hooks = new HookCalls();
  #crashes = 0;
  #respawnAt = 0;
  /** Its process stands back for what it takes, as long as it lives. */
  #takesMuch = false;
  #lastWork = performance.now();
  #stopped = false;
  readonly #renewal: Renewal;
  /** Nothing more goes to the process that is there. */
  #isRenewing = false;
  #renewing: Promise<void> | null = null;
  #tornDown: (() => void) | null = null;

  constructor(spec: PluginSpec, options: PluginHostOptions, parts: PluginHostParts) {
    this.spec = spec;
    this.#exports = spec.exports ?? null;
    this.#options = options;
    this.#parts = parts;
    this.#renewal = new Renewal(options.renewalMs);
    const messages = new PluginMessages(spec, options.logLinesPerSecond, parts);
    this.#messages = messages;
    this.#jobs = new JobQueue(({ configId, texts }, result) =>
      messages.eventFailed(configId, texts[result.index] as Uint8Array, result)
    );
    this.#watch = new BreakerWatch(spec, options.taskTimeoutMs, { ...parts, messages });
    this.#configs = new Map(spec.configs.map((config) => [config.id, config]));
    this.#runs = new RunReports(spec, this.#configs, parts.observer);
    this.#site = new SiteRelay(parts.site ?? null, this.#configs, options.egress);
    this.#calls = new CallRelay(parts.api, this.#configs);
    this.#egress = new HostEgress(parts.egress, spec, options.egress);
    this.#leaving = new LeavingConfigs({
      jobs: this.#jobs,
      later: (ms, run) => this.#later(ms, run),
      gone: (configId, isTornDown) => {
        this.#configs.delete(configId);
        if (isTornDown) messages.systemFor(configId, "INFO", "Plugin unloaded");
      },
    });
    this.#setups = new ConfigSetups(spec, {
      messages,
      reports: parts.reports,
      instanceId: options.instanceId,
      again: (configId) => this.#setUpAgain(configId),
    });
  }

  /** False once it is known that it has nothing to say about events. */
  get mayProcessEvents(): boolean {
    const methods = this.#exports?.methods;
    return methods === undefined || methods.includes("processEvent") ||
      methods.includes("processEventBatch");
  }

  /** Whether its code is known to be broken. */
  get cannotBeLoaded(): boolean {
    return this.#loadError !== null;
  }

  /** What its code exports: null until it was loaded once, nothing if it cannot be. */
  get exports(): PluginCapabilities | null {
    return this.#loadError === null ? this.#exports : NO_EXPORTS;
  }

  /** Of its process, if it runs. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Its process, if it is up and did not stand back yet. */
  get working(): WorkingProcess | null {
    const process = this.#process;
    if (process === null || process.standsBack || !this.isReady) return null;
    return {
      pid: process.pid,
      done: this.#jobs.done + this.#hooks.done,
      standBack: (usedMs) => {
        if (this.#process !== process) return;
        process.standBack();
        this.#takesMuch = true;
        const seconds = (usedMs / 1000).toFixed(1);
        this.#messages.system(
          "WARN",
          `Plugin takes much of the processor, ${seconds} s too much for what it does: ` +
            "its process stands back for others from now on.",
        );
      },
    };
  }

  /** Starts the process ahead of the first event. */
  start(): void {
    const state = this.#parts.breaker.state(performance.now());
    if (state !== "disabled" && state !== "paused") this.#spawn();
  }

  /**
   * Results in input order; null where the events were given back. Never rejects: what the plugin
   * does is in the results.
   */
  process(configId: number, texts: readonly Uint8Array[]): Promise<EventResult[] | null> {
    const now = performance.now();
    this.#lastWork = now;
    const state = this.#parts.breaker.state(now);
    if (this.#stopped) return Promise.resolve(null);
    if (this.#loadError !== null || state === "disabled") {
      return Promise.resolve(texts.map((_, index) => passedBy(index)));
    }
    if (state === "paused") {
      const error = { message: "the plugin is paused after repeated crashes" };
      return Promise.resolve(texts.map((_, index) => failure(index, error)));
    }
    const results = this.#jobs.add(configId, texts);
    this.#pump();
    return results;
  }

  /**
   * Calls a function of the plugin that does not change events. Never rejects; what the plugin does
   * wrong is in its log.
   */
  async call(request: HookRequest, texts: readonly Uint8Array[]): Promise<HookOutcome> {
    const now = performance.now();
    const state = this.#parts.breaker.state(now);
    const refusal = this.#stopped
      ? "the plugin is being unloaded"
      : this.#loadError !== null
      ? "the plugin cannot be loaded"
      : state === "paused" || state === "disabled"
      ? `the plugin is ${state}`
      : null;
    if (refusal !== null) return { status: "unavailable", reason: refusal };
    this.#lastWork = now;
    const outcome = this.#hooks.add(request, texts);
    this.#pump();
    return await outcome;
  }

  /** Says something of Paddock's own in the log of a config. */
  say(configId: number, type: "INFO" | "WARN" | "ERROR", message: string): void {
    this.#messages.systemFor(configId, type, message);
  }

  /** Whether its code is loaded and its configs are set up, as far as that is possible. */
  get isReady(): boolean {
    return this.#isLoaded && this.#setups.attempts.settled >= this.spec.configs.length;
  }

  /** Whether a config is set up in this process. */
  isSetUp(configId: number): boolean {
    return this.#isLoaded && this.#setups.attempts.isReady(configId);
  }

  /** Whether its code cannot be loaded, or a config of it was not set up. */
  get hasFailed(): boolean {
    return this.#loadError !== null || this.#setups.attempts.settled > this.#setups.attempts.ready;
  }

  /** Whether a config was ever set up, and the plugin is not known to be broken since. */
  hasServed(configId: number): boolean {
    const wasSetUp = this.spec.hasWorked === true || this.#setups.attempts.hasServed(configId);
    return wasSetUp && this.#loadError === null &&
      this.#parts.breaker.state(performance.now()) !== "disabled";
  }

  /** Takes a config's power away at once, though its code may run on until the process ends. */
  remove(configId: number): void {
    this.#configs.delete(configId);
  }

  /** Another process serves the config: finishes what it has begun of it and tears it down. */
  leave(configId: number): void {
    this.#leaving.add(configId);
    if (this.#process === null) this.#leaving.processEnded();
    else this.#sendOff();
  }

  /** Closes the way to every host at once. */
  closeEgress(): void {
    this.#egress.close();
  }

  /** Whether it is on its way to that. */
  get isStarting(): boolean {
    return this.#isStarting || this.#process !== null && !this.isReady;
  }

  /** Configs whose setup succeeded in this process. */
  get readyConfigs(): number {
    return this.#setups.attempts.ready;
  }

  /** Events whose results somebody waits for. */
  get waitingEvents(): number {
    return this.#jobs.waitingEvents;
  }

  /** How long its oldest job has waited for its turn, in ms; 0 where none does. */
  waitedMs(now: number): number {
    return this.#jobs.waitedMs(now);
  }

  /** Gives back what is not with the process: `process` answers null for it. */
  withdraw(): void {
    this.#jobs.withdraw();
  }

  /** Lets all that wait pass the plugin by; what the process is at is waited for by nobody. */
  passBy(reason: string): void {
    this.#jobs.passBy(reason);
  }

  /** To be called about once a second: what only the passing of time shows. */
  check(now: number): void {
    const state = this.#parts.breaker.state(now);
    // What it goes on with, as timers, is for nobody; after the pause another process is to have a try.
    if (state === "paused" || state === "disabled") this.#process?.standAside();
    else if (this.#process?.standsAside && this.#isIdle) this.#end(TEARDOWN_MS);
    if (!this.#isRenewing && this.#renewal.isDue(this.#isWellBehind(now), now)) {
      this.#isRenewing = true;
      this.#pump();
    }
    const job = this.#jobs.current;
    // A slow setup is not slow work.
    if (job !== null && this.#setups.attempts.isSettled(job.configId)) this.#watch.isAt(job, now);
  }

  get #isIdle(): boolean {
    return this.#jobs.isEmpty && this.#hooks.size === 0;
  }

  /** Whether its process stands back for what is over. */
  #isWellBehind(now: number): boolean {
    return this.#process?.standsBack === true && !this.#takesMuch &&
      this.#options.limits.nice < LOWEST_PRIORITY &&
      this.isReady && this.#crashes === 0 && this.#parts.breaker.state(now) === "healthy";
  }

  /** As soon as the process has nothing in hand; what waits goes to the next one. */
  #renewOnceIdle(): void {
    if (this.#renewing !== null || this.#jobs.current !== null || this.#hooks.isBusy) return;
    this.#messages.system(
      "INFO",
      "Plugin is well again: it gets a process that stands back no more",
    );
    this.#renewing = this.#end(TEARDOWN_MS).then(() => {
      this.#renewing = null;
      this.#isRenewing = false;
      this.#pump();
    });
  }

  /** Ends the process if it has had nothing to do for long; it starts again with the next event. */
  reapIfIdle(now: number): void {
    const { idleMs } = this.#options;
    if (!this.#isIdle) return;
    // What waits for its next attempt is not idle.
    if (this.#setups.isWaiting) return;
    if (idleMs > 0 && now - this.#lastWork > idleMs) this.#end(TEARDOWN_MS);
  }

  /** Says in the plugin's log what it was refused, and how that would change. */
  sayRefused(host: string, { reason, remedy }: Pick<EgressRefusal, "reason" | "remedy">): void {
    const allowing = "grant" in remedy
      ? `To allow it: paddock plugins grant ${this.spec.id} ${remedy.grant}`
      : `The bound is ${remedy.setting}`;
    this.#messages.system("WARN", `Plugin was refused to reach ${host}: ${reason}. ${allowing}`);
  }

  /** Finishes what is in it, calls teardownPlugin and ends the process, within `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#setups.stop();
    this.#jobs.withdraw();
    await this.#renewing;
    await this.#end(patienceMs);
    this.#jobs.leaveUnfinished();
    this.#hooks.refuse("the plugin is being unloaded");
  }

  async #end(patienceMs: number): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    if (this.#isLoaded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#tornDown = resolve;
      const began = performance.now();
      process.send(encodeFrame(FrameType.Teardown, 0));
      let isInTime = false;
      const done = promise.then(() => isInTime = true);
      await Promise.race([done, process.gone(), this.#wait(patienceMs)]);
      this.#runs.tornDown(began, isInTime);
      this.#messages.system("INFO", "Plugin unloaded");
    }
    if (this.#process === process) this.#process = null;
    this.#isLoaded = false;
    this.#jobs.unsend();
    this.#leaving.processEnded();
    this.#started();
    process.kill("it was unloaded");
    await process.gone();
  }

  /** Starts the process as soon as few enough others are starting. */
  #spawn(): void {
    if (this.#process !== null || this.#isStarting || this.#stopped) return;
    this.#isStarting = true;
    this.#parts.starts(async () => {
      let pass: EgressPass | null = null;
      try {
        if (!this.#stopped) pass = await this.#egress.open();
      } catch (error) {
        this.#messages.system("ERROR", `Plugin cannot reach any host: ${errorMessage(error)}`);
      }
      this.#isStarting = false;
      if (this.#stopped) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#started = resolve;
      this.#spawnNow(pass);
      return promise;
    });
  }

  #spawnNow(pass: EgressPass | null): void {
    const { runtime, limits, taskTimeoutMs, egress: egressLimits } = this.#options;
    // What died at its work is to be expected to do so again, and others pay for that no more.
    const standsBack = this.#crashes > 0 ||
      this.#parts.breaker.state(performance.now()) === "slow";
    const process: HostProcess = new HostProcess(
      {
        runtime,
        limits: standsBack ? { ...limits, nice: LOWEST_PRIORITY } : limits,
        grants: this.spec.grants,
        gateway: pass?.gateway ?? null,
        libraries: this.spec.code.libraries ?? [],
        silenceMs: taskTimeoutMs,
      },
      {
        frame: (frame) => {
          if (this.#process === process) this.#receive(frame, process);
        },
        logRoom: () => this.#parts.log.room?.() ?? null,
        ended: (reason) => {
          this.#site.abort();
          this.#egress.end(pass);
          if (this.#process === process) this.#crashed(reason);
        },
      },
    );
    this.#process = process;
    this.#takesMuch = false;
    this.#isLoaded = false;
    this.#jobs.unsend();
    this.#setups.attempts.restarted();
    process.send(loadFrame(this.spec, { ...this.#options, egress: pass, egressLimits }));
    process.setBusy(true);
  }

  #pump(): void {
    if (this.#stopped) return;
    if (this.#isRenewing) return this.#renewOnceIdle();
    if (this.#isIdle) return;
    const process = this.#process;
    if (process === null) {
      const wait = this.#respawnAt - performance.now();
      if (wait <= 0) this.#spawn();
      else this.#later(wait, () => this.#pump());
      return;
    }
    if (!this.#isLoaded) return;
    this.#hooks.send((frame) => process.send(frame));
    const isSlow = this.#parts.breaker.state(performance.now()) === "slow";
    if (isSlow) process.standBack();
    for (const frame of this.#jobs.takeFrames(isSlow ? 1 : undefined)) process.send(frame);
    this.#noteBusy();
  }

  /** A process with work, or that is setting up, is asked for signs of life more often. */
  #noteBusy(): void {
    this.#process?.setBusy(this.#jobs.current !== null || this.#hooks.isBusy || !this.isReady);
  }

  #receive({ type, id, payload }: Frame, process: HostProcess): void {
    try {
      switch (type) {
        case FrameType.Results:
          return this.#afterCalls(process, () => {
            this.#receiveResults(id, decodeResults(payload), payload.byteLength);
          });
        case FrameType.HookDone:
          return this.#afterCalls(process, () => this.#receiveHook(id, payload));
        case FrameType.Calls:
          return this.#calls.receive({ id, payload }, (frame) => process.send(frame));
        case FrameType.SiteRequest:
          return this.#site.receive({ id, payload }, (frame) => process.send(frame));
        case FrameType.Log:
          return this.#messages.lines(readLogLines(payload));
        case FrameType.Loaded:
          return this.#receiveLoaded(readLoadReport(payload));
        case FrameType.SetupDone:
          return this.#receiveSetup(readSetupReport(payload));
        case FrameType.Refused:
          return this.#receiveRefused(readRefusedHost(payload));
        case FrameType.Pong:
          if (id > 0 && this.#hooks.noteEvent()) process.noteProgress();
          return;
        case FrameType.TornDown:
          // Behind the results that wait for what the plugin asked for.
          return this.#afterCalls(process, () => {
            if (id === 0) this.#tornDown?.();
            else this.#leaving.tornDown(id);
          });
      }
    } catch (error) {
      process.kill(`it broke the protocol: ${errorMessage(error)}`);
    }
  }

  /**
   * What a plugin asked for before it was done with an event is done before the event is: what it
   * captured, set or enqueued is durable when the event is acknowledged, awaited or not.
   */
  #afterCalls(process: HostProcess, run: () => void): void {
    this.#calls.after(() => {
      if (this.#process !== process) return;
      try {
        run();
      } catch (error) {
        process.kill(`it broke the protocol: ${errorMessage(error)}`);
      }
    });
  }

  #receiveResults(id: number, results: readonly EventResult[], bytes: number): void {
    const job = this.#jobs.receive(id, results);
    if (job === null) return;
    this.#process?.noteProgress();
    this.#process?.charge(growthMs(bytes - job.bytes, results.length));
    if (job.isComplete) {
      this.#crashes = 0;
      if (this.#setups.attempts.isSettled(job.configId)) this.#watch.finished(job);
      this.#runs.finished(job);
      this.#sendOff();
    }
    this.#noteBusy();
    this.#pump();
  }

  #receiveHook(id: number, payload: Uint8Array): void {
    const answer = this.#hooks.answered({ id, payload });
    if (answer === null) return;
    this.#lastWork = performance.now();
    this.#process?.noteProgress();
    this.#messages.hookFailed(answer);
    this.#runs.answered(answer);
    this.#noteBusy();
    this.#pump();
  }

  #receiveRefused(refused: RefusedHost | null): void {
    if (refused === null) return;
    const { host, port, isOverLimit } = refused;
    const target = { pluginId: this.spec.id, host, port };
    const reason = isOverLimit ? "too many requests at a time" : "it was not granted";
    const remedy = isOverLimit
      ? { setting: "PLUGIN_REQUESTS_IN_FLIGHT" }
      : { grant: port > 0 ? `${host}:${port}` : host };
    this.#parts.refused({ ...target, reason, remedy });
  }

  #receiveLoaded(report: LoadReport): void {
    // A second report would say that there is nothing to watch over while there is.
    if (this.#isLoaded) throw new Error("it was loaded twice");
    this.#started();
    if (report.error !== null) {
      this.#loadError = report.error;
      const message = report.error.stack ?? report.error.message;
      this.#messages.system(
        "ERROR",
        `Plugin failed to load (instance ID ${this.#options.instanceId}). ${message}`,
      );
      for (const { id } of this.spec.configs) {
        this.#parts.reports.failed(id, { ...report.error, time: new Date().toISOString() });
      }
      this.#jobs.clear(null);
      this.#hooks.refuse("the plugin cannot be loaded");
      this.#end(0);
      this.#parts.settled?.();
      return;
    }
    this.#isLoaded = true;
    this.#runs.loaded();
    const { methods, scheduledTasks, jobs, metrics } = report;
    this.#exports = { methods, scheduled_tasks: scheduledTasks, jobs };
    for (const { id, pluginId } of this.spec.configs) {
      this.#parts.reports.loaded(id, pluginId, this.#exports, metrics);
    }
    this.#sendOff();
    this.#pump();
  }

  #receiveSetup(report: SetupReport): void {
    const { configId } = report;
    if (!this.#configs.has(configId)) return;
    if (!this.#setups.attempts.isSettled(configId)) this.#process?.noteProgress();
    this.#runs.setUp(report);
    this.#setups.ended(report);
    if (this.isReady && !this.hasFailed && this.#exports !== null) {
      this.#parts.worked?.(this.spec, this.#exports);
    }
    this.#noteBusy();
    this.#parts.settled?.();
  }

  #sendOff(): void {
    this.#leaving.advance(this.#isLoaded ? (frame) => this.#process?.send(frame) : null);
  }

  /** A new process calls it by itself. */
  #setUpAgain(configId: number): void {
    if (!this.#configs.has(configId)) return;
    const payload = encoder.encode(JSON.stringify({ configId }));
    if (!this.#isLoaded) return;
    this.#runs.setsUpAgain(configId);
    this.#process?.send(encodeFrame(FrameType.Setup, 0, payload));
  }

  /** The process died under its work, or before it had any. */
  #crashed(reason: string): void {
    this.#process = null;
    this.#isRenewing = false;
    this.#isLoaded = false;
    this.#started();
    this.#hooks.crashed(reason);
    if (this.#stopped) return this.#jobs.unsend();
    this.#crashes++;
    this.#runs.crashed();
    this.#respawnAt = performance.now() + Math.min(50 * 2 ** this.#crashes, 10_000);
    this.#messages.system("ERROR", `Plugin stopped: ${reason}.`);
    this.#jobs.crashed(reason);
    this.#leaving.processEnded();
    const state = this.#watch.crashed(reason);
    if (state === "paused" || state === "disabled") {
      const refusal = `the plugin is ${state}: ${reason}`;
      this.#jobs.clear(refusal);
      this.#hooks.refuse(refusal);
      return;
    }
    this.#pump();
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
