/** What PostHog's application is told that a plugin exports, in the words of the server before. */
import type { DeclaredMetrics, PluginCapabilities } from "../types.ts";

const MAX_NAMES = 200;
const MAX_NAME = 200;

/** Those that the application knows; others that a plugin exports are its own business. */
const METHODS: readonly string[] = [
  "setupPlugin",
  "teardownPlugin",
  "exportEvents",
  "onEvent",
  "onSnapshot",
  "processEvent",
];

/** What every plugin that exports events has besides its own. */
const EXPORTER_METHODS: readonly string[] = ["setupPlugin", "teardownPlugin", "onEvent"];
const EXPORTER_JOBS: readonly string[] = [
  "exportEventsWithRetry",
  "exportEventsFromTheBeginning",
  "Export historical events",
];

/** The names come out of the fence, so that there may be anything in their place. */
export function shownCapabilities(capabilities: PluginCapabilities): PluginCapabilities {
  const own = names(capabilities.methods);
  const isExporter = own.includes("exportEvents");
  const methods = new Set([
    ...own,
    ...isExporter ? EXPORTER_METHODS : [],
    ...own.includes("processEventBatch") ? ["processEvent"] : [],
  ]);
  const jobs = new Set([...names(capabilities.jobs), ...isExporter ? EXPORTER_JOBS : []]);
  return {
    methods: METHODS.filter((method) => methods.has(method)),
    scheduled_tasks: names(capabilities.scheduled_tasks),
    jobs: [...jobs],
  };
}

/** The same for its metrics. */
export function shownMetrics(metrics: DeclaredMetrics): DeclaredMetrics {
  const declared = typeof metrics === "object" && metrics !== null ? Object.entries(metrics) : [];
  return Object.fromEntries(
    declared.filter(([name, type]) =>
      name.length <= MAX_NAME && ["sum", "max", "min"].includes(type)
    ).slice(0, MAX_NAMES),
  );
}

function names(list: readonly string[]): string[] {
  return list.filter((name) => typeof name === "string" && name.length <= MAX_NAME)
    .slice(0, MAX_NAMES);
}
