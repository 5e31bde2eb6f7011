/** What plugins count. */
import type { MetricType, PluginMetrics } from "../metrics/plugin_metrics.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

const TYPES: ReadonlySet<unknown> = new Set<MetricType>(["sum", "max", "min"]);
const MAX_NAME = 200;

export class MetricCalls implements PluginApi {
  readonly #metrics: Pick<PluginMetrics, "record">;

  constructor(metrics: Pick<PluginMetrics, "record">) {
    this.#metrics = metrics;
  }

  /** Safe to offer because a number is counted for a config of the calling process alone. */
  call(
    configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    for (const call of calls) this.#record(configs, call);
    return Promise.resolve(calls.map(() => DONE));
  }

  /** What our code in the worker would not send is not counted. */
  #record(configs: ReadonlyMap<number, PluginConfig>, { pluginConfigId, args }: PluginCall): void {
    const [name, type, value] = args;
    if (!configs.has(pluginConfigId) || !TYPES.has(type)) return;
    if (typeof name !== "string" || name.length > MAX_NAME || name === "__proto__") return;
    if (typeof value !== "number" || !Number.isFinite(value)) return;
    this.#metrics.record(pluginConfigId, name, type as MetricType, value);
  }
}

const DONE: PluginCallResult = { ok: true, value: null };
