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
  type SetupReport,
} from "../../../plugins_runtime/frames.ts";
import type { HookRequest } from "../../../plugins_runtime/hook_frames.ts";
import { errorMessage } from "../../errors.ts";
import type { EgressRefusal } from "../egress/egress_gateway.ts";
import type { HookOutcome } from "../../pipeline/plugin_hooks.ts";
import type { PluginCapabilities, PluginConfig, PluginSpec } from "../types.ts";
import { BreakerWatch } from "./breaker_watch.ts";
import { CallRelay } from "./call_relay.ts";
import { ConfigSetups } from "./config_setups.ts";
import type { PluginHostOptions, PluginHostParts } from "./host_parts.ts";
import type { HostProcess } from "./host_process.ts";
import { refusalOf } from "./host_egress.ts";
import { HookCalls } from "./hook_calls.ts";
import { KnownCode } from "./known_code.ts";
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
import type { WorkingProcess } from "./processor_watch.ts";
import { PluginMessages } from "./plugin_messages.ts";
import { PluginProcess } from "./plugin_process.ts";
import { RunReports } from "./run_reports.ts";
import { SiteRelay } from "../site/site_relay.ts";

const encoder = new TextEncoder();

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
  readonly #leaving: LeavingConfigs;
  readonly #process: PluginProcess;
  readonly #code: KnownCode;
  readonly #hooks = new HookCalls();
  #lastWork = performance.now();
  #stopped = false;

  constructor(spec: PluginSpec, options: PluginHostOptions, parts: PluginHostParts) {
    this.spec = spec;
    this.#code = new KnownCode(spec.exports ?? null);
    this.#options = options;
    this.#parts = parts;
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
    this.#process = new PluginProcess(spec, options, { host: parts, messages, runs: this.#runs }, {
      frame: (frame, process) => this.#receive(frame, process),
      begun: () => {
        this.#jobs.unsend();
        this.#setups.attempts.restarted();
      },
      ended: () => {
        this.#jobs.unsend();
        this.#leaving.processEnded();
      },
      crashed: (reason) => this.#crashed(reason),
      renewed: () => this.#pump(),
      gone: () => this.#site.abort(),
    });
  }

  /** False once it is known that it has nothing to say about events. */
  get mayProcessEvents(): boolean {
    return this.#code.mayProcessEvents;
  }

  /** Whether its code is known to be broken. */
  get cannotBeLoaded(): boolean {
    return this.#code.isBroken;
  }

  /** What its code exports: null until it was loaded once, nothing if it cannot be. */
  get exports(): PluginCapabilities | null {
    return this.#code.exports;
  }

  /** Of its process, if it runs. */
  get pid(): number | null {
    return this.#process.current?.pid ?? null;
  }

  /** Its process, if it is up and did not stand back yet. */
  get working(): WorkingProcess | null {
    return this.isReady ? this.#process.working(this.#jobs.done + this.#hooks.done) : null;
  }

  /** Starts the process ahead of the first event. */
  start(): void {
    const state = this.#parts.breaker.state(performance.now());
    if (state !== "disabled" && state !== "paused") this.#process.start();
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
    if (this.#code.isBroken || state === "disabled") {
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
      : this.#code.isBroken
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
    return this.#process.isLoaded &&
      this.#setups.attempts.settled >= this.spec.configs.length;
  }

  /** Whether a config is set up in this process. */
  isSetUp(configId: number): boolean {
    return this.#process.isLoaded && this.#setups.attempts.isReady(configId);
  }

  /** Whether its code cannot be loaded, or a config of it was not set up. */
  get hasFailed(): boolean {
    return this.#code.isBroken || this.#setups.attempts.settled > this.#setups.attempts.ready;
  }

  /** Whether a config was ever set up, and the plugin is not known to be broken since. */
  hasServed(configId: number): boolean {
    const wasSetUp = this.spec.hasWorked === true || this.#setups.attempts.hasServed(configId);
    return wasSetUp && !this.#code.isBroken &&
      this.#parts.breaker.state(performance.now()) !== "disabled";
  }

  /** Takes a config's power away at once, though its code may run on until the process ends. */
  remove(configId: number): void {
    this.#configs.delete(configId);
  }

  /** Another process serves the config: finishes what it has begun of it and tears it down. */
  leave(configId: number): void {
    this.#leaving.add(configId);
    if (this.#process.current === null) this.#leaving.processEnded();
    else this.#sendOff();
  }

  /** Closes the way to every host at once. */
  closeEgress(): void {
    this.#process.closeEgress();
  }

  /** Whether it is on its way to that. */
  get isStarting(): boolean {
    return this.#process.isStarting || this.#process.current !== null && !this.isReady;
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
    this.#process.check({ state, isIdle: this.#isIdle, isReady: this.isReady }, now);
    if (this.#process.isRenewing) this.#pump();
    const job = this.#jobs.current;
    // A slow setup is not slow work.
    if (job !== null && this.#setups.attempts.isSettled(job.configId)) this.#watch.isAt(job, now);
  }

  get #isIdle(): boolean {
    return this.#jobs.isEmpty && this.#hooks.size === 0;
  }

  /** Ends the process if it has had nothing to do for long; it starts again with the next event. */
  reapIfIdle(now: number): void {
    const { idleMs } = this.#options;
    if (!this.#isIdle) return;
    // What waits for its next attempt is not idle.
    if (this.#setups.isWaiting) return;
    if (idleMs > 0 && now - this.#lastWork > idleMs) this.#process.end();
  }

  /** Says in the plugin's log what it was refused, and how that would change. */
  sayRefused(host: string, refusal: Pick<EgressRefusal, "reason" | "remedy">): void {
    this.#messages.refused(host, refusal);
  }

  /** Finishes what is in it, calls teardownPlugin and ends the process, within `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#setups.stop();
    this.#jobs.withdraw();
    await this.#process.stop(patienceMs);
    this.#jobs.leaveUnfinished();
    this.#hooks.refuse("the plugin is being unloaded");
  }

  #pump(): void {
    if (this.#stopped) return;
    if (this.#process.isRenewing) {
      if (this.#jobs.current === null && !this.#hooks.isBusy) this.#process.renew();
      return;
    }
    if (this.#isIdle) return;
    const process = this.#process.current;
    if (process === null) {
      const wait = this.#process.waitMs(performance.now());
      if (wait <= 0) this.#process.start();
      else this.#later(wait, () => this.#pump());
      return;
    }
    if (!this.#process.isLoaded) return;
    this.#hooks.send((frame) => process.send(frame));
    const isSlow = this.#parts.breaker.state(performance.now()) === "slow";
    if (isSlow) process.standBack();
    for (const frame of this.#jobs.takeFrames(isSlow ? 1 : undefined)) process.send(frame);
    this.#noteBusy();
  }

  /** A process with work, or that is setting up, is asked for signs of life more often. */
  #noteBusy(): void {
    this.#process.current?.setBusy(
      this.#jobs.current !== null || this.#hooks.isBusy || !this.isReady,
    );
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
            if (id === 0) this.#process.tornDown();
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
      if (this.#process.current !== process) return;
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
    this.#process.current?.noteProgress();
    this.#process.current?.charge(growthMs(bytes - job.bytes, results.length));
    if (job.isComplete) {
      this.#process.worked();
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
    this.#process.current?.noteProgress();
    this.#messages.hookFailed(answer);
    this.#runs.answered(answer);
    this.#noteBusy();
    this.#pump();
  }

  #receiveRefused(refused: RefusedHost | null): void {
    if (refused !== null) this.#parts.refused(refusalOf(this.spec.id, refused));
  }

  #receiveLoaded(report: LoadReport): void {
    // A second report would say that there is nothing to watch over while there is.
    if (this.#process.isLoaded) throw new Error("it was loaded twice");
    this.#process.loaded(report.error === null);
    if (report.error !== null) {
      this.#code.isBroken = true;
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
      this.#process.end(0);
      this.#parts.settled?.();
      return;
    }
    this.#runs.loaded();
    const { methods, scheduledTasks, jobs, metrics } = report;
    const exports = { methods, scheduled_tasks: scheduledTasks, jobs };
    this.#code.loaded(exports);
    for (const { id, pluginId } of this.spec.configs) {
      this.#parts.reports.loaded(id, pluginId, exports, metrics);
    }
    this.#sendOff();
    this.#pump();
  }

  #receiveSetup(report: SetupReport): void {
    const { configId } = report;
    if (!this.#configs.has(configId)) return;
    if (!this.#setups.attempts.isSettled(configId)) this.#process.current?.noteProgress();
    this.#runs.setUp(report);
    this.#setups.ended(report);
    const { exports } = this.#code;
    if (this.isReady && !this.hasFailed && exports !== null) {
      this.#parts.worked?.(this.spec, exports);
    }
    this.#noteBusy();
    this.#parts.settled?.();
  }

  #sendOff(): void {
    const { isLoaded, current } = this.#process;
    this.#leaving.advance(isLoaded && current !== null ? (frame) => current.send(frame) : null);
  }

  /** A new process calls it by itself. */
  #setUpAgain(configId: number): void {
    if (!this.#configs.has(configId)) return;
    const payload = encoder.encode(JSON.stringify({ configId }));
    if (!this.#process.isLoaded) return;
    this.#runs.setsUpAgain(configId);
    this.#process.current?.send(encodeFrame(FrameType.Setup, 0, payload));
  }

  /** The process died under its work, or before it had any. */
  #crashed(reason: string): void {
    this.#hooks.crashed(reason);
    if (this.#stopped) return this.#jobs.unsend();
    this.#runs.crashed();
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
}
