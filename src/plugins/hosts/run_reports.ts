/** Tells whoever counts it how long a plugin's work waited and took. */
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { traceDone } from "../../telemetry/tracing.ts";
import type { PluginConfig, PluginSpec } from "../types.ts";
import type { AnsweredCall } from "./hook_calls.ts";
import type { Job } from "./job.ts";

export class RunReports {
  readonly #plugin: { readonly pluginId: number; readonly plugin: string };
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  readonly #observer: Observer;
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
    this.#observer.pluginRan({
      ...this.#plugin,
      configId,
      teamId: this.#configs.get(configId)?.teamId ?? 0,
      task: "processEvent",
      job: null,
      events: texts.length,
      waitMs: began - addedAt,
      runMs: now - began,
      failed,
    });
    const { plugin, pluginId } = this.#plugin;
    const attributes = {
      "paddock.plugin": plugin,
      "paddock.plugin_id": pluginId,
      "paddock.config": configId,
      "paddock.events": texts.length,
      "paddock.failed": failed,
      "paddock.wait_ms": Math.round(began - addedAt),
    };
    traceDone("processEvent", attributes, began, [place]);
  }

  /** A function that does not change events came to its end. */
  answered(
    { request: { configId, hook, job }, texts, outcome, addedAt, sentAt }: AnsweredCall,
  ): void {
    this.#observer.pluginRan({
      ...this.#plugin,
      configId,
      teamId: this.#configs.get(configId)?.teamId ?? 0,
      task: hook,
      job,
      events: job === null ? texts.length : 0,
      waitMs: sentAt - addedAt,
      runMs: performance.now() - sentAt,
      failed: outcome.status === "done" ? outcome.failures.length : 1,
    });
  }

  crashed(): void {
    this.#observer.pluginCrashed(this.#plugin);
  }
}
