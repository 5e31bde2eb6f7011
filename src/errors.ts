/**
 * Every error Paddock itself raises, in one closed list.
 *
 * The code is stable (operators alert on it), `retryable` decides what the pipeline does with the
 * batch in hand, and the hint says what a person can do about it.
 */

/** What an error means for the batch it met. */
export type ErrorKind =
  /** A database, queue or broker is away: pause, retry, nothing is lost. */
  | "dependency"
  /** One event or message is unusable: it goes to the dead letters, the rest goes on. */
  | "data"
  /** One plugin failed: the event passes that plugin unchanged and is marked. */
  | "plugin"
  /** The operator has to change a setting or a file: refused at start. */
  | "config"
  /** A command was used wrongly: exit code 2. */
  | "usage";

interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly hint: string;
}

const entry = (kind: ErrorKind, hint: string): ErrorEntry => ({ kind, hint });

/** The closed list: code → what it means and what to do. */
export const ERROR_CODES = {
  PDK_USAGE: entry("usage", "Run 'paddock --help' for the commands and settings."),
  PDK_CONFIG_INVALID: entry("config", "Correct the named setting; 'paddock --help' lists them."),
  PDK_CONFIG_CONFLICT: entry("config", "Keep one of the named settings."),
  PDK_STORAGE_REFUSED: entry(
    "config",
    "See 'paddock --help' for the settings that say where events are stored.",
  ),
  PDK_DIRECTORY_IN_USE: entry("config", "Stop the other server, or use another BASE_DIR."),
  PDK_SCHEMA_NEWER: entry("config", "Run a Paddock at least as new as the one that migrated."),
  PDK_EMBEDDED_FAILED: entry("dependency", "See the Postgres log named in the message."),
  PDK_DATABASE_UNAVAILABLE: entry("dependency", "Check DATABASE_URL and that Postgres is up."),
  PDK_REDIS_UNAVAILABLE: entry("dependency", "Check REDIS_URL and that Redis is up."),
  PDK_KAFKA_UNAVAILABLE: entry("dependency", "Check KAFKA_HOSTS and that the brokers are up."),
  PDK_KAFKA_TOPIC: entry(
    "dependency",
    "Create the topic, or let '--migrate' create what is missing.",
  ),
  PDK_CLICKHOUSE_UNAVAILABLE: entry(
    "dependency",
    "Check CLICKHOUSE_HOST and that ClickHouse is up.",
  ),
  PDK_CLICKHOUSE_REFUSED: entry("config", "ClickHouse refused this; the message has its words."),
  PDK_MESSAGE_MALFORMED: entry("data", "The sender wrote something that is no event."),
  PDK_MESSAGE_TOO_LARGE: entry(
    "data",
    "Raise max.message.bytes of the topic named in the message, or send less.",
  ),
  PDK_TASK_UNKNOWN: entry("data", "Another program pushes tasks into the plugin server's queue."),
  PDK_EVENT_INVALID: entry("data", "Correct the event at its sender and replay it."),
  PDK_EVENT_TOO_LARGE: entry("data", "Send less, or raise the limit named in the message."),
  PDK_TEAM_UNKNOWN: entry("data", "Create the team, or correct the sender's team id."),
  PDK_ROW_REFUSED: entry("data", "Postgres refused this row; the reason has its words."),
  PDK_JOB_UNSUPPORTED: entry("data", "Add 'graphile' to JOB_QUEUES: there is no job queue."),
  PDK_JOB_INVALID: entry("data", "Correct what starts the job; the reason says what is wrong."),
  PDK_REPLAY_REFUSED: entry(
    "data",
    "Those that stay are as they were; 'dead-letters show' has them.",
  ),
  PDK_PLUGIN_LOAD: entry("plugin", "Correct the plugin's code or archive and install it again."),
  PDK_PLUGIN_MANIFEST: entry("plugin", "Correct plugin.json and install the plugin again."),
  PDK_FIXTURE_INVALID: entry("usage", "docs/plugins.md says what a fixture may hold."),
  PDK_FIXTURE_FAILED: entry("plugin", "Correct the plugin, or what its fixture expects."),
  PDK_PLUGIN_FAILED: entry("plugin", "See the plugin's log: 'paddock plugins logs'."),
  PDK_PLUGIN_TIMEOUT: entry("plugin", "Make the plugin faster, or raise TASK_TIMEOUT."),
  PDK_PLUGIN_CRASHED: entry("plugin", "The plugin's process died; its log says how."),
  PDK_PLUGIN_NET_REFUSED: entry("plugin", "Grant the host: 'paddock plugins grant'."),
} as const satisfies Record<string, ErrorEntry>;

/** A code of the closed list. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** An error of the closed list. */
export class PaddockError extends Error {
  /** Always the same, also where classes are not compared. */
  override readonly name = "PaddockError";
  /** Stable: operators alert on it. */
  readonly code: ErrorCode;

  /**
   * An error to be thrown.
   * @param code which entry of the list
   * @param message names the setting, row, plugin or host at fault
   */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** What the error means for the batch in hand. */
  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }

  /** True when doing the same again later can succeed. */
  get retryable(): boolean {
    return this.kind === "dependency";
  }

  /** What a person can do about it. */
  get hint(): string {
    return ERROR_CODES[this.code].hint;
  }
}

/** The text of anything thrown, never throwing itself. */
export function errorMessage(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  try {
    return String(error);
  } catch {
    return "an error that cannot be printed";
  }
}
