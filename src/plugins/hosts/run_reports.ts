/** Tells whoever counts it how long a plugin's work waited and took. */
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { NOWHERE, type TracePlace, traceRun } from "../../telemetry/tracing.ts";
import type { SetupReport } from "../../../plugins_runtime/frames.ts";
import type { PluginConfig, PluginSpec } from "../types.ts";
import type { AnsweredCall } from "./hook_calls.ts";
import type { Job } from "./job.ts";

/** What a trace shows of a call. */
interface TracedRun {
  readonly configId: number;
  /** Of the monotonic clock. */
  readonly began: number;
  readonly failed: number;
  readonly events?: number;
  readonly waitMs?: number;
}

export class RunReports {
  readonly #plugin: { readonly pluginId: number; readonly plugin: string };
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  readonly #observer: Observer;
  readonly #setupsBegan = new Map<number, number>();
  #loadedAt = 0;
  #lastDone = 0;

  constructor(
    spec: PluginSpec,
    configs: ReadonlyMap<number, PluginConfig>,
    observer: Observer = NOBODY,
  ) {
    this.#plugin = { pluginId: spec.id, plugin: spec.name };
    this.#configs = configs;
    this.#observer = observer;
  }

  /** A frame of events came to its end. A process works on one after the other. */
  finished({ configId, texts, addedAt, sentAt, failed, place }: Job): void {
    const now = performance.now();
    const began = Math.max(sentAt, this.#lastDone);
    this.#lastDone = now;
    const waitMs = began - addedAt;
    this.#observer.pluginRan({
      ...this.#plugin,
      configId,
      teamId: this.#configs.get(configId)?.teamId ?? 0,
      task: "processEvent",
      job: null,
      events: texts.length,
      waitMs,
      runMs: now - began,
      failed,
    });
    this.#trace("processEvent", { configId, events: texts.length, failed, waitMs, began }, place);
  }

  /** A function that does not change events came to its end. */
  answered(
    { request: { configId, hook, job }, texts, outcome, addedAt, sentAt, place }: AnsweredCall,
  ): void {
    const events = job === null ? texts.length : 0;
    const failed = outcome.status === "done" ? outcome.failures.length : 1;
    const waitMs = sentAt - addedAt;
    this.#observer.pluginRan({
      ...this.#plugin,
      configId,
      teamId: this.#configs.get(configId)?.teamId ?? 0,
      task: hook,
      job,
      events,
      waitMs,
      runMs: performance.now() - sentAt,
      failed,
    });
    const named = job === null ? {} : { "paddock.job": job };
    this.#trace(hook, { configId, events, failed, waitMs, began: sentAt }, place, named);
  }

  /** The code is loaded, and the setups of all configs begin. */
  loaded(): void {
    this.#loadedAt = performance.now();
    this.#setupsBegan.clear();
  }

  /** A setup begins that failed before. */
  setsUpAgain(configId: number): void {
    this.#setupsBegan.set(configId, performance.now());
  }

  /** A setup came to its end. */
  setUp({ configId, error }: SetupReport): void {
    const began = this.#setupsBegan.get(configId) ?? this.#loadedAt;
    this.#trace("setupPlugin", { configId, failed: error === null ? 0 : 1, began }, NOWHERE);
  }

  /** Every config was torn down, or it took too long. @param began of the monotonic clock */
  tornDown(began: number, isInTime: boolean): void {
    for (const configId of this.#configs.keys()) {
      this.#trace("teardownPlugin", { configId, failed: isInTime ? 0 : 1, began }, NOWHERE);
    }
  }

  #trace(
    name: string,
    { configId, began, failed, events = 0, waitMs = 0 }: TracedRun,
    place: TracePlace,
    more: Readonly<Record<string, string>> = {},
  ): void {
    const { plugin, pluginId } = this.#plugin;
    const attributes = {
      "paddock.plugin": plugin,
      "paddock.plugin_id": pluginId,
      "paddock.team": this.#configs.get(configId)?.teamId ?? 0,
      ...more,
    };
    traceRun({ name, attributes, configId, events, failed, waitMs, began }, place);
  }

  crashed(): void {
    this.#observer.pluginCrashed(this.#plugin);
  }
}
