/** What the fence finds out about plugins, on its way into their rows. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import { storableJsonText } from "../../events/storable_text.ts";
import { jsonbArray } from "../../stores/postgres/binary_arrays.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { type Mask, NO_MASK } from "../../telemetry/secret_values.ts";
import type { SetupFailures } from "../../stores/postgres/setup_failures.ts";
import type {
  DeclaredMetrics,
  GivenUp,
  PluginCapabilities,
  PluginFailure,
  PluginReports,
} from "../types.ts";
import { shownCapabilities, shownMetrics } from "./shown_capabilities.ts";

const FLUSH_MS = 1_000;

/** Of an error's message and stack each, and of its event. */
const MAX_TEXT = 10_000;
const MAX_EVENT = 65_536;

// None of these statements touches updated_at, which is what a reload looks at.
const SET_ERRORS = `
UPDATE posthog_pluginconfig AS config SET error = report.error
FROM unnest($1::int[], $2::jsonb[]) AS report (id, error)
WHERE config.id = report.id AND config.error IS DISTINCT FROM report.error`;

const SET_CAPABILITIES = `
UPDATE posthog_plugin AS plugin SET capabilities = report.capabilities
FROM unnest($1::int[], $2::jsonb[]) AS report (id, capabilities)
WHERE plugin.id = report.id AND plugin.capabilities <> report.capabilities`;

const SET_METRICS = `
UPDATE posthog_plugin AS plugin SET metrics = report.metrics
FROM unnest($1::int[], $2::jsonb[]) AS report (id, metrics)
WHERE plugin.id = report.id AND plugin.metrics IS DISTINCT FROM report.metrics
  AND (plugin.metrics IS NOT NULL OR report.metrics <> '{}')`;

// Every plugin that exports has this job; PostHog's application shows it by this.
const ADD_EXPORT_JOB = `
UPDATE posthog_plugin
SET public_jobs = coalesce(public_jobs, '{}') || '{"Export historical events": {}}'
WHERE id = ANY ($1::int[]) AND NOT coalesce(public_jobs, '{}') ? 'Export historical events'`;

export class PluginReportWriter implements PluginReports {
  readonly #database: Queryable;
  readonly #failures: Pick<SetupFailures, "note" | "forget">;
  readonly #onDisabled: () => void;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #timer: ReturnType<typeof setInterval>;
  /** The last that is known of each config: its failure, or null for none. */
  #errors = new Map<number, PluginFailure | null>();
  #capabilities = new Map<number, PluginCapabilities>();
  #metrics = new Map<number, DeclaredMetrics>();
  #givenUp = new Map<number, GivenUpConfig>();
  /** Noted as given up by this server. */
  readonly #noted = new Set<number>();
  /** Set up since. */
  #recovered = new Set<number>();
  #flushing: Promise<void> | null = null;

  readonly #mask: Mask;

  /**
   * @param onDisabled called after a config was disabled, so that the plugins are loaded again
   * @param mask hides what no error may show
   */
  constructor(
    database: Queryable,
    failures: Pick<SetupFailures, "note" | "forget">,
    onDisabled: () => void,
    mask: Mask = NO_MASK,
  ) {
    this.#mask = mask;
    this.#database = database;
    this.#failures = failures;
    this.#onDisabled = onDisabled;
    this.#timer = setInterval(() => this.flush(), FLUSH_MS);
  }

  failed(pluginConfigId: number, failure: PluginFailure): void {
    this.#errors.set(pluginConfigId, failure);
  }

  loaded(
    _pluginConfigId: number,
    pluginId: number,
    capabilities: PluginCapabilities,
    metrics: DeclaredMetrics = {},
  ): void {
    this.#capabilities.set(pluginId, shownCapabilities(capabilities));
    this.#metrics.set(pluginId, shownMetrics(metrics));
  }

  ready(pluginConfigId: number): void {
    this.#errors.set(pluginConfigId, null);
    this.#givenUp.delete(pluginConfigId);
    if (this.#noted.delete(pluginConfigId)) this.#recovered.add(pluginConfigId);
  }

  gaveUp(pluginConfigId: number, version: string, decided: (fate: GivenUp) => void): void {
    this.#recovered.delete(pluginConfigId);
    this.#givenUp.set(pluginConfigId, { version, decided });
  }

  /** Writes what there is to report; what could not be written is tried again with the next flush. */
  flush(): Promise<void> {
    return this.#flushing ??= this.#flush().finally(() => this.#flushing = null);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.flush();
  }

  async #flush(): Promise<void> {
    const [errors, capabilities] = [this.#errors, this.#capabilities];
    [this.#errors, this.#capabilities] = [new Map(), new Map()];
    const metrics = this.#metrics;
    this.#metrics = new Map();
    try {
      if (errors.size > 0) {
        const sorted = [...errors].toSorted(([one], [other]) => one - other);
        await this.#database.query(SET_ERRORS, [
          sorted.map(([id]) => id),
          jsonbArray(
            sorted.map(([, error]) => error === null ? null : failureText(error, this.#mask)),
          ),
        ]);
      }
      if (capabilities.size > 0) {
        await this.#database.query(SET_CAPABILITIES, [
          [...capabilities.keys()],
          jsonbArray([...capabilities.values()].map(storableJsonText)),
        ]);
      }
      if (metrics.size > 0) {
        await this.#database.query(SET_METRICS, [
          [...metrics.keys()],
          jsonbArray([...metrics.values()].map(storableJsonText)),
        ]);
      }
      const exporters = [...capabilities].filter(([, { methods }]) =>
        methods.includes("exportEvents")
      );
      if (exporters.length > 0) {
        await this.#database.query(ADD_EXPORT_JOB, [exporters.map(([id]) => id)]);
      }
      await this.#decide();
    } catch (error) {
      aboutSeveral(this.#log, [...errors.keys()].map((configId) => ({ configId })))
        .warn`plugins' states were not written: ${errorMessage(error)}`;
      // What came meanwhile is newer and wins.
      this.#errors = new Map([...errors, ...this.#errors]);
      this.#capabilities = new Map([...capabilities, ...this.#capabilities]);
      this.#metrics = new Map([...metrics, ...this.#metrics]);
    }
  }

  /** What was decided is not asked again, whatever fails after it. */
  async #decide(): Promise<void> {
    for (const [id, { version, decided }] of [...this.#givenUp]) {
      const isDisabled = await this.#failures.note(id, version);
      this.#givenUp.delete(id);
      this.#noted.add(id);
      decided(isDisabled ? "disabled" : "other servers");
      if (isDisabled) this.#onDisabled();
    }
    const recovered = [...this.#recovered];
    if (recovered.length === 0) return;
    await this.#failures.forget(recovered);
    for (const id of recovered) this.#recovered.delete(id);
  }
}

interface GivenUpConfig {
  readonly version: string;
  readonly decided: (fate: GivenUp) => void;
}

/** As jsonb takes it, whatever the plugin threw: what is too large or cannot be written is left out. */
function failureText(
  { message, time, name, stack, event }: PluginFailure,
  mask: Mask,
): string {
  // Errors come out of the fence, so that a text may be anything. Masked before it is cut: half of a
  // secret would not be recognised.
  const shortened = (text: unknown) =>
    typeof text === "string" ? mask(text).slice(0, MAX_TEXT) : undefined;
  const short = {
    message: shortened(message) ?? "an error without a message",
    time,
    name: shortened(name),
    stack: shortened(stack),
  };
  try {
    const text = mask(storableJsonText({ ...short, event }));
    if (text.length <= MAX_EVENT) return text;
  } catch {
    // An event that is too deep.
  }
  return storableJsonText(short);
}
