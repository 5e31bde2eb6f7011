/** Plugins' logs on their way into `posthog_pluginlogentry`. */
import { getLogger, type Logger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import { storableText } from "../../events/storable_text.ts";
import { timeUuid } from "../../events/uuid.ts";
import type { PluginRecords } from "../../pipeline/plugin_records.ts";
import { textArray } from "../../stores/postgres/binary_arrays.ts";
import { isTransient, type Queryable } from "../../stores/postgres/database.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { type Mask, NO_MASK } from "../../telemetry/secret_values.ts";
import type { PluginLog, PluginLogEntry } from "../types.ts";

/** A line as it is stored. */
export interface Line extends PluginLogEntry {
  readonly id: string;
  readonly at: string;
}

/** Nobody waits for a line that belongs to no event, such as one of a setup, for longer. */
const FLUSH_MS = 100;
const RETRY_MS = 1_000;
/**
 * From here on those who can wait are made to; their lines, of messages so long together in UTF-16
 * units, are not dropped.
 */
const ENOUGH_LINES = 10_000;
const ENOUGH_LENGTH = 16 * 1024 * 1024;
/** What nobody can hold back is a small part of all; where it is not, memory counts for more. */
const MAX_LINES = 4 * ENOUGH_LINES;
const MAX_LENGTH = 4 * ENOUGH_LENGTH;
const MAX_MESSAGE = 10_000;
const CUT = "… (cut)";

const INSERT = {
  name: "plugin_log_lines",
  text: `
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
ON CONFLICT DO NOTHING`,
};

/**
 * One statement for many lines, and none where there are none. Whoever acknowledges an event waits
 * with that for `settled`, so that a server that is killed takes no line of a finished event along.
 */
export class PluginLogWriter implements PluginLog, PluginRecords {
  readonly #database: Queryable;
  readonly #instanceId: string;
  readonly #observer: Observer;
  readonly #log = getLogger(["paddock", "plugins"]);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #buffered: Line[] = [];
  /** Of all lines that are not stored yet, those that are being written included. */
  #lines = 0;
  #length = 0;
  /** How many were taken, and how many of them came to their end. */
  #taken = 0;
  #done = 0;
  #dropped = 0;
  #flushing: Promise<void> | null = null;
  /** Why the last flush wrote nothing, or null. */
  #failure: unknown = null;
  #roomMade = Promise.withResolvers<void>();

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
    this.#taken++;
    this.#length += message.length;
    const now = Date.now();
    this.#buffered.push({
      ...entry,
      message,
      id: timeUuid(now),
      at: new Date(now).toISOString(),
    });
    if (this.#isFull && this.#failure === null) this.flush();
    else this.#flushWithin(FLUSH_MS);
  }

  room(): Promise<void> | null {
    return this.#isFull ? this.#roomMade.promise : null;
  }

  async settled(): Promise<void> {
    const all = this.#taken;
    while (this.#done < all) {
      await this.flush();
      if (this.#failure !== null && this.#done < all) throw this.#failure;
    }
  }

  /**
   * Writes what is buffered; what could not be written is tried again with the next flush. One at a
   * time: a flush that meets another one under way is that one.
   */
  flush(): Promise<void> {
    return this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null;
      if (this.#buffered.length > 0) {
        this.#flushWithin(this.#failure === null ? FLUSH_MS : RETRY_MS);
      }
    });
  }

  /** Writes what there is; says how much of it could not be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#flushing;
    await this.flush();
    if (this.#lines > 0) {
      this.#aboutLines(this.#buffered).warn`${this.#lines} lines of plugins' logs are lost`;
    }
  }

  get #isFull(): boolean {
    return this.#lines >= ENOUGH_LINES || this.#length >= ENOUGH_LENGTH;
  }

  #flushWithin(ms: number): void {
    if (this.#isClosed || this.#flushing !== null || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.flush(), ms);
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#buffered;
    this.#buffered = [];
    if (this.#dropped > 0) {
      this.#log.warn`${this.#dropped} lines of plugins' logs were dropped: the log was full`;
      this.#dropped = 0;
    }
    if (lines.length === 0) return;
    const left = await this.#store(lines);
    this.#failure = left.error;
    if (left.error !== null) {
      this.#aboutLines(left.lines).warn`plugins' logs were not written: ${
        errorMessage(left.error)
      }`;
    }
    this.#buffered = [...left.lines, ...this.#buffered];
    if (this.#isFull) return;
    this.#roomMade.resolve();
    this.#roomMade = Promise.withResolvers();
  }

  #aboutLines(lines: readonly Line[]): Logger {
    return aboutSeveral(
      this.#log,
      lines.map(({ teamId, plugin, pluginId, pluginConfigId }) => ({
        teamId,
        pluginId,
        configId: pluginConfigId,
        ...(plugin === undefined ? {} : { plugin }),
      })),
    );
  }

  /**
   * Stores lines; what a store that is away leaves is returned. Lines that Postgres refuses are
   * halved until the one is found that it means, which is dropped and said.
   */
  async #store(lines: readonly Line[]): Promise<{ lines: readonly Line[]; error: unknown }> {
    try {
      await this.#insert(lines);
    } catch (error) {
      if (isTransient(error)) return { lines, error };
      if (lines.length > 1) {
        const middle = lines.length >> 1;
        const first = await this.#store(lines.slice(0, middle));
        if (first.error !== null) {
          return { lines: [...first.lines, ...lines.slice(middle)], error: first.error };
        }
        return await this.#store(lines.slice(middle));
      }
      this.#aboutLines(lines)
        .error`a line of a plugin's log was refused and is lost: ${errorMessage(error)}`;
      this.#ended(lines);
      return { lines: [], error: null };
    }
    for (const line of lines) this.#onStored({ ...line, instanceId: this.#instanceId });
    this.#ended(lines);
    return { lines: [], error: null };
  }

  #ended(lines: readonly Line[]): void {
    this.#lines -= lines.length;
    this.#done += lines.length;
    for (const { message } of lines) this.#length -= message.length;
  }

  async #insert(lines: readonly Line[]): Promise<void> {
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
  }
}
