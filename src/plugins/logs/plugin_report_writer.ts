/** What the fence finds out about plugins, on its way into their rows. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import { storableJsonText } from "../../events/storable_text.ts";
import { jsonbArray } from "../../stores/postgres/binary_arrays.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import type { PluginCapabilities, PluginFailure, PluginReports } from "../types.ts";

const FLUSH_MS = 1_000;

// None of these statements touches updated_at, which is what a reload looks at.
const SET_ERRORS = `
UPDATE posthog_pluginconfig AS config SET error = report.error
FROM unnest($1::int[], $2::jsonb[]) AS report (id, error)
WHERE config.id = report.id AND config.error IS DISTINCT FROM report.error`;

const SET_CAPABILITIES = `
UPDATE posthog_plugin AS plugin SET capabilities = report.capabilities
FROM unnest($1::int[], $2::jsonb[]) AS report (id, capabilities)
WHERE plugin.id = report.id AND plugin.capabilities <> report.capabilities`;

export class PluginReportWriter implements PluginReports {
  readonly #database: Queryable;
  readonly #onDisabled: () => void;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #timer: ReturnType<typeof setInterval>;
  /** The last that is known of each config: its failure, or null for none. */
  #errors = new Map<number, PluginFailure | null>();
  #capabilities = new Map<number, PluginCapabilities>();
  #disabled = new Set<number>();

  /** @param onDisabled called after a config was disabled, so that the plugins are loaded again */
  constructor(database: Queryable, onDisabled: () => void) {
    this.#database = database;
    this.#onDisabled = onDisabled;
    this.#timer = setInterval(() => this.flush(), FLUSH_MS);
  }

  failed(pluginConfigId: number, failure: PluginFailure): void {
    this.#errors.set(pluginConfigId, failure);
  }

  loaded(pluginConfigId: number, pluginId: number, capabilities: PluginCapabilities): void {
    this.#errors.set(pluginConfigId, null);
    this.#capabilities.set(pluginId, capabilities);
  }

  gaveUp(pluginConfigId: number): void {
    this.#disabled.add(pluginConfigId);
  }

  async flush(): Promise<void> {
    const [errors, capabilities, disabled] = [this.#errors, this.#capabilities, this.#disabled];
    [this.#errors, this.#capabilities, this.#disabled] = [new Map(), new Map(), new Set()];
    try {
      if (errors.size > 0) {
        await this.#database.query(SET_ERRORS, [
          [...errors.keys()],
          jsonbArray(
            [...errors.values()].map((error) => error === null ? null : storableJsonText(error)),
          ),
        ]);
      }
      if (capabilities.size > 0) {
        await this.#database.query(SET_CAPABILITIES, [
          [...capabilities.keys()],
          jsonbArray([...capabilities.values()].map(storableJsonText)),
        ]);
      }
      if (disabled.size > 0) {
        await this.#database.query(
          "UPDATE posthog_pluginconfig SET enabled = false WHERE id = ANY ($1::int[])",
          [[...disabled]],
        );
        this.#onDisabled();
      }
    } catch (error) {
      this.#log.warn`plugins' states were not written: ${errorMessage(error)}`;
      // What came meanwhile is newer and wins.
      this.#errors = new Map([...errors, ...this.#errors]);
      this.#capabilities = new Map([...capabilities, ...this.#capabilities]);
      this.#disabled = new Set([...disabled, ...this.#disabled]);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
