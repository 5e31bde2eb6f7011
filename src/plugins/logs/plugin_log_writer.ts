/** Plugins' logs on their way into `posthog_pluginlogentry`. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import { storableText } from "../../events/storable_text.ts";
import { timeUuid } from "../../events/uuid.ts";
import { textArray } from "../../stores/postgres/binary_arrays.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { type Mask, NO_MASK } from "../../telemetry/secret_values.ts";
import type { PluginLog, PluginLogEntry } from "../types.ts";

/** A line as it is stored. */
export interface Line extends PluginLogEntry {
  readonly id: string;
  readonly at: string;
}

const FLUSH_MS = 1_000;
const MAX_LINES = 10_000;
/** Of all buffered messages together, in UTF-16 units. */
const MAX_LENGTH = 16 * 1024 * 1024;
const MAX_MESSAGE = 10_000;
const CUT = "… (cut)";

const INSERT = `
INSERT INTO posthog_pluginlogentry (
  id, team_id, plugin_id, plugin_config_id, "timestamp", source, type, message, instance_id
)
SELECT
  line.id::uuid, line.team_id, line.plugin_id, line.plugin_config_id, line.at::timestamptz,
  line.source, line.type, line.message, $9::uuid
FROM unnest(
  $1::text[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[]
) AS line (id, team_id, plugin_id, plugin_config_id, at, source, type, message)
-- A plugin that was uninstalled meanwhile has no log any more.
JOIN posthog_pluginconfig AS config ON config.id = line.plugin_config_id
ON CONFLICT DO NOTHING`;

export class PluginLogWriter implements PluginLog {
  readonly #database: Queryable;
  readonly #instanceId: string;
  readonly #observer: Observer;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #timer: ReturnType<typeof setInterval>;
  #buffered: Line[] = [];
  /** Of all lines that are not stored yet, those that are being written included. */
  #lines = 0;
  #length = 0;
  #dropped = 0;
  #flushing: Promise<void> | null = null;

  readonly #mask: Mask;
  readonly #onStored: (line: Line & { readonly instanceId: string }) => void;

  /**
   * @param instanceId uuid of this run of the server
   * @param mask hides what no line may show
   * @param onStored told of each line that was stored
   */
  constructor(
    database: Queryable,
    instanceId: string,
    observer: Observer = NOBODY,
    mask: Mask = NO_MASK,
    onStored: (line: Line & { readonly instanceId: string }) => void = () => {},
  ) {
    this.#onStored = onStored;
    this.#mask = mask;
    this.#observer = observer;
    this.#database = database;
    this.#instanceId = instanceId;
    this.#timer = setInterval(() => this.flush(), FLUSH_MS);
  }

  write(entry: PluginLogEntry): void {
    // Before it is cut: half of a secret would not be recognised.
    const whole = this.#mask(entry.message);
    const message = whole.length > MAX_MESSAGE
      ? whole.slice(0, MAX_MESSAGE - CUT.length) + CUT
      : whole;
    if (this.#lines >= MAX_LINES || this.#length + message.length > MAX_LENGTH) {
      this.#dropped++;
      return;
    }
    this.#observer.logged(entry);
    this.#lines++;
    this.#length += message.length;
    const now = Date.now();
    this.#buffered.push({
      ...entry,
      message,
      id: timeUuid(now),
      at: new Date(now).toISOString(),
    });
  }

  /**
   * Writes what is buffered; what could not be written is tried again with the next flush. One at a
   * time: a flush that meets another one under way is that one.
   */
  flush(): Promise<void> {
    return this.#flushing ??= this.#flush().finally(() => this.#flushing = null);
  }

  /** Writes what there is; says how much of it could not be. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.flush();
    if (this.#lines > 0) this.#log.warn`${this.#lines} lines of plugins' logs are lost`;
  }

  async #flush(): Promise<void> {
    const lines = this.#buffered;
    this.#buffered = [];
    if (this.#dropped > 0) {
      this.#log.warn`${this.#dropped} lines of plugins' logs were dropped: the log was full`;
      this.#dropped = 0;
    }
    if (lines.length === 0) return;
    try {
      await this.#database.query(INSERT, [
        textArray(lines.map(({ id }) => id)),
        lines.map(({ teamId }) => teamId),
        lines.map(({ pluginId }) => pluginId),
        lines.map(({ pluginConfigId }) => pluginConfigId),
        textArray(lines.map(({ at }) => at)),
        textArray(lines.map(({ source }) => source)),
        textArray(lines.map(({ type }) => type)),
        textArray(lines.map(({ message }) => storableText(message))),
        this.#instanceId,
      ]);
    } catch (error) {
      this.#log.warn`plugins' logs were not written: ${errorMessage(error)}`;
      this.#buffered = [...lines, ...this.#buffered];
      return;
    }
    for (const line of lines) this.#onStored({ ...line, instanceId: this.#instanceId });
    this.#lines -= lines.length;
    for (const { message } of lines) this.#length -= message.length;
  }
}
