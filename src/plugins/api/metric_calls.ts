/** What plugins count, before the rest of what they may ask for. */
import type { MetricType, PluginMetrics } from "../metrics/plugin_metrics.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

const TYPES: ReadonlySet<unknown> = new Set<MetricType>(["sum", "max", "min"]);
const MAX_NAME = 200;

export class MetricCalls implements PluginApi {
  readonly #others: PluginApi;
  readonly #metrics: Pick<PluginMetrics, "record">;

  constructor(others: PluginApi, metrics: Pick<PluginMetrics, "record">) {
    this.#others = others;
    this.#metrics = metrics;
  }

  /** Safe to offer because a number is counted for a config of the calling process alone. */
  async call(
    configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    const others = calls.filter((call) => !isMetricCall(call));
    for (const call of calls) if (isMetricCall(call)) this.#record(configs, call);
    if (others.length === 0) return calls.map(() => DONE);
    const answers = (await this.#others.call(configs, others)).values();
    return calls.map((call) => isMetricCall(call) ? DONE : answers.next().value ?? NO_ANSWER);
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
const NO_ANSWER: PluginCallResult = { ok: false, error: "no answer" };

function isMetricCall({ method }: PluginCall): boolean {
  return method === "metrics.record";
}
