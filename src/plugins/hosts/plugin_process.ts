/**
 * The process of one plugin, over its lives: started when it is its turn, torn down when it is not
 * needed, dead by what the plugin did, and begun anew.
 */
import { encodeFrame, type Frame, FrameType } from "../../../plugins_runtime/frames.ts";
import { errorMessage } from "../../errors.ts";
import type { BreakerState } from "../breaker/breaker.ts";
import type { EgressPass } from "../egress/egress_gateway.ts";
import type { PluginSpec } from "../types.ts";
import { HostEgress } from "./host_egress.ts";
import type { PluginHostOptions, PluginHostParts } from "./host_parts.ts";
import { HostProcess } from "./host_process.ts";
import { loadFrame } from "./load_request.ts";
import type { PluginMessages } from "./plugin_messages.ts";
import { LOWEST_PRIORITY } from "./process_priority.ts";
import type { WorkingProcess } from "./processor_watch.ts";
import { Renewal } from "./renewal.ts";
import type { RunReports } from "./run_reports.ts";

/** What teardownPlugin may take where nobody waits for its end but the plugin's own work. */
const TEARDOWN_MS = 1_000;
/** After a crash, doubled with each that follows. */
const RESPAWN_MS = 50;
const MAX_RESPAWN_MS = 10_000;

export interface PluginProcessParts {
  readonly host: PluginHostParts;
  readonly messages: PluginMessages;
  readonly runs: RunReports;
}

export interface PluginProcessEvents {
  frame(frame: Frame, process: HostProcess): void;
  /** A new one is there, which knows of nothing. */
  begun(): void;
  /** It was ended as it was asked to be. */
  ended(): void;
  /** It died under its work, or before it had any. */
  crashed(reason: string): void;
  /** There is to be a new one with the next work. */
  renewed(): void;
  /** What it asked for last is for nobody. */
  gone(): void;
}

export class PluginProcess {
  readonly #spec: PluginSpec;
  readonly #options: PluginHostOptions;
  readonly #parts: PluginProcessParts;
  readonly #events: PluginProcessEvents;
  readonly #egress: HostEgress;
  readonly #renewal: Renewal;
  #process: HostProcess | null = null;
  #isStarting = false;
  /** Lets the next process start; while this one loads it counts as starting. */
  #started: () => void = () => {};
  #isLoaded = false;
  #crashes = 0;
  #respawnAt = 0;
  /** It stands back for what it takes, as long as it lives. */
  #takesMuch = false;
  /** Nothing more goes to the one that is there. */
  #isRenewing = false;
  #renewing: Promise<void> | null = null;
  #tornDown: (() => void) | null = null;
  #isStopped = false;

  constructor(
    spec: PluginSpec,
    options: PluginHostOptions,
    parts: PluginProcessParts,
    events: PluginProcessEvents,
  ) {
    this.#spec = spec;
    this.#options = options;
    this.#parts = parts;
    this.#events = events;
    this.#egress = new HostEgress(parts.host.egress, spec, options.egress);
    this.#renewal = new Renewal(options.renewalMs);
  }

  /** The one that runs, if one does. */
  get current(): HostProcess | null {
    return this.#process;
  }

  /** Whether it waits for its turn to start. */
  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** Whether it has the plugin's code. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Whether it is to end as soon as it has nothing in hand: see `renew`. */
  get isRenewing(): boolean {
    return this.#isRenewing;
  }

  /** As those who watch over processors see it; null where it stands back already. */
  working(done: number): WorkingProcess | null {
    const process = this.#process;
    if (process === null || process.standsBack) return null;
    return {
      pid: process.pid,
      done,
      standBack: (usedMs) => {
        if (this.#process !== process) return;
        process.standBack();
        this.#takesMuch = true;
        const seconds = (usedMs / 1000).toFixed(1);
        this.#parts.messages.system(
          "WARN",
          `Plugin takes much of the processor, ${seconds} s too much for what it does: ` +
            "its process stands back for others from now on.",
        );
      },
    };
  }

  /** How long after a crash it is not to be started again, in ms from `now`; 0 or less: no longer. */
  waitMs(now: number): number {
    return this.#respawnAt - now;
  }

  /** Starts one as soon as few enough others are starting. */
  start(): void {
    if (this.#process !== null || this.#isStarting || this.#isStopped) return;
    this.#isStarting = true;
    this.#parts.host.starts(async () => {
      let pass: EgressPass | null = null;
      try {
        if (!this.#isStopped) pass = await this.#egress.open();
      } catch (error) {
        this.#parts.messages.system(
          "ERROR",
          `Plugin cannot reach any host: ${errorMessage(error)}`,
        );
      }
      this.#isStarting = false;
      if (this.#isStopped) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#started = resolve;
      this.#spawn(pass);
      return promise;
    });
  }

  /** It said what came of its loading. */
  loaded(isLoaded: boolean): void {
    this.#started();
    this.#isLoaded = isLoaded;
  }

  /** It was done with something without dying of it. */
  worked(): void {
    this.#crashes = 0;
  }

  /** It said that all of it is torn down. */
  tornDown(): void {
    this.#tornDown?.();
  }

  /** To be called about once a second: how far it stands back for others. */
  check(
    { state, isIdle, isReady }: {
      readonly state: BreakerState;
      readonly isIdle: boolean;
      readonly isReady: boolean;
    },
    now: number,
  ): void {
    // What it goes on with, as timers, is for nobody; after the pause another is to have a try.
    if (state === "paused" || state === "disabled") this.#process?.standAside();
    else if (this.#process?.standsAside && isIdle) this.end();
    const isWell = isReady && this.#crashes === 0 && state === "healthy";
    if (!this.#isRenewing && this.#renewal.isDue(isWell && this.#standsBackInVain, now)) {
      this.#isRenewing = true;
    }
  }

  /** Whether it stands back for what may be over. */
  get #standsBackInVain(): boolean {
    return this.#process?.standsBack === true && !this.#takesMuch &&
      this.#options.limits.nice < LOWEST_PRIORITY;
  }

  /** Ends the one that stood back, now that it has nothing in hand; what waits goes to the next. */
  renew(): void {
    if (this.#renewing !== null) return;
    this.#parts.messages.system(
      "INFO",
      "Plugin is well again: it gets a process that stands back no more",
    );
    this.#renewing = this.end().then(() => {
      this.#renewing = null;
      this.#isRenewing = false;
      this.#events.renewed();
    });
  }

  /** Closes the way to every host at once. */
  closeEgress(): void {
    this.#egress.close();
  }

  /** Ends it for good. */
  async stop(patienceMs: number): Promise<void> {
    this.#isStopped = true;
    await this.#renewing;
    await this.end(patienceMs);
  }

  /** Calls teardownPlugin and ends it. */
  async end(patienceMs = TEARDOWN_MS): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    if (this.#isLoaded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#tornDown = resolve;
      const began = performance.now();
      process.send(encodeFrame(FrameType.Teardown, 0));
      let isInTime = false;
      const done = promise.then(() => isInTime = true);
      await Promise.race([done, process.gone(), passed(patienceMs)]);
      this.#parts.runs.tornDown(began, isInTime);
      this.#parts.messages.system("INFO", "Plugin unloaded");
    }
    if (this.#process === process) this.#process = null;
    this.#isLoaded = false;
    this.#events.ended();
    this.#started();
    process.kill("it was unloaded");
    await process.gone();
  }

  #spawn(pass: EgressPass | null): void {
    const { runtime, limits, taskTimeoutMs, egress: egressLimits } = this.#options;
    const { breaker, log } = this.#parts.host;
    // What died at its work is to be expected to do so again, and others pay for that no more.
    const standsBack = this.#crashes > 0 || breaker.state(performance.now()) === "slow";
    const process: HostProcess = new HostProcess(
      {
        runtime,
        limits: standsBack ? { ...limits, nice: LOWEST_PRIORITY } : limits,
        grants: this.#spec.grants,
        gateway: pass?.gateway ?? null,
        libraries: this.#spec.code.libraries ?? [],
        silenceMs: taskTimeoutMs,
      },
      {
        frame: (frame) => {
          if (this.#process === process) this.#events.frame(frame, process);
        },
        logRoom: () => log.room?.() ?? null,
        ended: (reason) => {
          this.#events.gone();
          this.#egress.end(pass);
          if (this.#process === process) this.#crashed(reason);
        },
      },
    );
    this.#process = process;
    this.#takesMuch = false;
    this.#isLoaded = false;
    this.#events.begun();
    process.send(loadFrame(this.#spec, { ...this.#options, egress: pass, egressLimits }));
    process.setBusy(true);
  }

  #crashed(reason: string): void {
    this.#process = null;
    this.#isRenewing = false;
    this.#isLoaded = false;
    this.#started();
    if (!this.#isStopped) {
      this.#crashes++;
      const pauseMs = Math.min(RESPAWN_MS * 2 ** this.#crashes, MAX_RESPAWN_MS);
      this.#respawnAt = performance.now() + pauseMs;
    }
    this.#events.crashed(reason);
  }
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    Deno.unrefTimer(timer);
  });
}
