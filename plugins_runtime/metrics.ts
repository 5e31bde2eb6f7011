/** `meta.metrics`: numbers that a plugin counts, by the names and types that it declares. */
import type { PluginExports } from "./load.ts";

// Captured before any plugin text.
const hasOwn = Object.hasOwn;
const keysOf = Object.keys;
const isFiniteNumber = Number.isFinite;

export type MetricType = "sum" | "max" | "min";

/** What the one function of a metric of each type is called. */
const FUNCTIONS: Readonly<Record<MetricType, string>> = {
  sum: "increment",
  max: "max",
  min: "min",
};

/** Counted by the server for every plugin that exports events, so declared for it. */
const EXPORT_METRICS = [
  "events_seen",
  "events_delivered_successfully",
  "undelivered_events",
  "retry_errors",
  "other_errors",
] as const;

const MAX_METRICS = 100;
const MAX_NAME = 200;

/** Passes a value on to the server. */
export type RecordMetric = (name: string, type: MetricType, value: number) => unknown;

/**
 * What the plugin declares in its `metrics`, types in lower case; what is no text is left out.
 * @throws Error naming the types that there are not
 */
export function declaredMetrics(exports: PluginExports): Record<string, MetricType> {
  const declared: Record<string, MetricType> = {};
  const invalid: string[] = [];
  const { metrics } = exports;
  if (typeof metrics === "object" && metrics !== null) {
    for (const name of keysOf(metrics).slice(0, MAX_METRICS)) {
      const given = (metrics as Record<string, unknown>)[name];
      if (typeof given !== "string" || name.length > MAX_NAME || name === "__proto__") continue;
      const type = given.toLowerCase();
      if (hasOwn(FUNCTIONS, type)) declared[name] = type as MetricType;
      else invalid.push(given);
    }
  }
  if (invalid.length > 0) {
    throw new Error(
      "Only 'sum', 'max', and 'min' are supported as metric types. " +
        `Invalid types received: ${invalid.join(", ")}`,
    );
  }
  if (typeof exports.exportEvents === "function") {
    for (const name of EXPORT_METRICS) declared[name] = "sum";
  }
  return declared;
}

/** Each declared metric with the one function that its type has. */
export function createMetrics(
  declared: Readonly<Record<string, MetricType>>,
  record: RecordMetric,
): Record<string, unknown> {
  const metrics: Record<string, unknown> = {};
  for (const name of keysOf(declared)) {
    const type = declared[name] as MetricType;
    const operation = (value: unknown) => {
      const number = value === undefined && type === "sum" ? 1 : value;
      if (typeof number !== "number" || !isFiniteNumber(number)) {
        throw new Error("Only numbers are allowed for operations on metrics");
      }
      record(name, type, number);
    };
    metrics[name] = { [FUNCTIONS[type]]: operation };
  }
  return new Proxy(metrics, {
    get(target, name) {
      if (typeof name === "symbol") return undefined;
      if (!hasOwn(target, name)) throw new Error("Invalid metric name");
      return target[name];
    },
  });
}
