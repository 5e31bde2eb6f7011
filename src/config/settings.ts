/** Every setting there is, in one table: parsing, `--help` and the documentation come from it. */
import type {
  BooleanSetting,
  ChoiceSetting,
  ListSetting,
  NumberSetting,
  Setting,
  TextSetting,
  ValueOf,
} from "./setting.ts";

const SECRET = { secret: true } as const;
const PORT = { min: 1, max: 65535, integer: true } as const;

const text = (
  group: string,
  value: string | null,
  description: string,
  extra: { secret?: true } = {},
): TextSetting => ({ type: "text", group, default: value, description, ...extra });

const number = (
  group: string,
  value: number,
  description: string,
  bounds: { min?: number; max?: number; integer?: true },
): NumberSetting => ({ type: "number", group, default: value, description, ...bounds });

const boolean = (group: string, value: boolean, description: string): BooleanSetting => ({
  type: "boolean",
  group,
  default: value,
  description,
});

const choice = <const Choice extends string>(
  group: string,
  value: Choice,
  choices: readonly Choice[],
  description: string,
): ChoiceSetting<Choice> => ({ type: "choice", group, default: value, choices, description });

const list = (group: string, value: readonly string[], description: string): ListSetting => ({
  type: "list",
  group,
  default: value,
  description,
});

/** Variable name → what it is. The order is that of `--help`. */
export const SETTINGS = {
  DATABASE_URL: text(
    "Postgres",
    "postgres://localhost:5432/posthog",
    "Postgres to use; wins over every POSTHOG_DB_* and POSTHOG_POSTGRES_* setting.",
    SECRET,
  ),
  POSTHOG_DB_NAME: text("Postgres", null, "Database name, where DATABASE_URL is not set."),
  POSTHOG_DB_USER: text("Postgres", "postgres", "Database user, with POSTHOG_DB_NAME."),
  POSTHOG_DB_PASSWORD: text("Postgres", "", "Database password, with POSTHOG_DB_NAME.", SECRET),
  POSTHOG_POSTGRES_HOST: text("Postgres", "localhost", "Database host, with POSTHOG_DB_NAME."),
  POSTHOG_POSTGRES_PORT: number("Postgres", 5432, "Database port, with POSTHOG_DB_NAME.", PORT),
  DATABASE_POOL_SIZE: number(
    "Postgres",
    10,
    "Connections to Postgres at most, beside those of the writers.",
    { min: 1, max: 1000, integer: true },
  ),
  DATABASE_TIMEOUT_SECONDS: number(
    "Postgres",
    60,
    "A statement that has no answer for so long is given up with its connection, and done again; 0 waits.",
    { min: 0 },
  ),
  REDIS_URL: text(
    "Redis",
    "redis://localhost",
    "Redis to use; 'none' keeps queue, locks, pub/sub and cache in Postgres.",
    SECRET,
  ),
  POSTHOG_REDIS_HOST: text(
    "Redis",
    "",
    "Redis host; when set, host, port and password are used instead of REDIS_URL.",
  ),
  POSTHOG_REDIS_PORT: number("Redis", 6379, "Redis port, with POSTHOG_REDIS_HOST.", PORT),
  POSTHOG_REDIS_PASSWORD: text("Redis", "", "Redis password, with POSTHOG_REDIS_HOST.", SECRET),
  REDIS_POOL_MIN_SIZE: number(
    "Redis",
    1,
    "Accepted; Paddock multiplexes one connection per purpose.",
    { min: 0, integer: true },
  ),
  REDIS_POOL_MAX_SIZE: number(
    "Redis",
    3,
    "Accepted; Paddock multiplexes one connection per purpose.",
    { min: 0, integer: true },
  ),
  PLUGINS_CELERY_QUEUE: text(
    "Redis",
    "posthog-plugins",
    "Redis list that events and plugin jobs arrive in.",
  ),
  CELERY_DEFAULT_QUEUE: text("Redis", "celery", "Redis list of outgoing Celery tasks."),
  CELERY_LEASE_SECONDS: number(
    "Redis",
    60,
    "How long messages stay leased to a server that stopped answering.",
    { min: 5, integer: true },
  ),
  PLUGINS_RELOAD_PUBSUB_CHANNEL: text(
    "Redis",
    "reload-plugins",
    "Channel on which a message makes the server read its plugins again.",
  ),
  BASE_DIR: text(
    "Server",
    ".",
    "Folder that 'file:' plugins are read from, and that holds .paddock/ (embedded storage).",
  ),
  PLUGIN_SERVER_IDLE: boolean(
    "Server",
    false,
    "Start, connect to nothing, and wait: the same as --idle.",
  ),
  SHUTDOWN_TIMEOUT_SECONDS: number(
    "Server",
    30,
    "How long a stop waits for events in flight before it gives them back.",
    { min: 0 },
  ),
  SCHEDULE_LOCK_TTL: number(
    "Server",
    60,
    "Seconds after which the lock of a dead server is free.",
    { min: 1 },
  ),
  STALENESS_RESTART_SECONDS: number(
    "Server",
    0,
    "End the server (exit code 1) when it has processed nothing for so long; 0 is never.",
    { min: 0, integer: true },
  ),
  HTTP_HOST: text("HTTP", "127.0.0.1", "Address that HTTP capture listens on."),
  HTTP_PORT: number("HTTP", 8000, "Port that HTTP capture listens on; 0 takes a free one.", {
    min: 0,
    max: 65535,
    integer: true,
  }),
  TRUSTED_PROXIES: list("HTTP", [], "Addresses or CIDR ranges whose X-Forwarded-For is believed."),
  HTTP_MAX_BODY_BYTES: number("HTTP", 20971520, "Largest request body, as sent.", {
    min: 1024,
    integer: true,
  }),
  HTTP_MAX_DECOMPRESSED_BYTES: number(
    "HTTP",
    67108864,
    "Largest request body after decompression.",
    { min: 1024, integer: true },
  ),
  CONSOLE_HOST: text(
    "Console",
    "127.0.0.1",
    "Address that the console listens on; empty is no console. Beyond this machine it needs CONSOLE_TOKEN.",
  ),
  CONSOLE_PORT: number(
    "Console",
    8010,
    "Port of the console; 0 takes a free one, as does the default where it is taken.",
    { min: 0, max: 65535, integer: true },
  ),
  CONSOLE_TOKEN: text(
    "Console",
    null,
    "What people sign in to the console with, of 16 characters at least; none lets in whoever is on this machine.",
    SECRET,
  ),
  WRITER_CONNECTIONS: number("Pipeline", 3, "Write transactions at a time.", {
    min: 1,
    max: 100,
    integer: true,
  }),
  WRITE_BATCH_SIZE: number("Pipeline", 500, "Events in one write transaction at most.", {
    min: 1,
    max: 10000,
    integer: true,
  }),
  PIPELINE_MAX_EVENTS: number(
    "Pipeline",
    2000,
    "Events in flight at most; a full pipeline stops taking.",
    { min: 1, integer: true },
  ),
  PIPELINE_MAX_BYTES: number("Pipeline", 33554432, "Bytes in flight at most.", {
    min: 1024,
    integer: true,
  }),
  EVENT_MAX_BYTES: number("Pipeline", 4194304, "A larger event becomes a dead letter.", {
    min: 1024,
    integer: true,
  }),
  EVENT_SEEN_RETENTION_DAYS: number(
    "Pipeline",
    7,
    "How many days a stored event is remembered, so that a repeat is recognised.",
    { min: 1, max: 366, integer: true },
  ),
  DEAD_LETTER_RETENTION_DAYS: number(
    "Pipeline",
    30,
    "Dead letters are deleted after so many days; 0 keeps them.",
    { min: 0 },
  ),
  DISTINCT_ID_LRU_SIZE: number(
    "Pipeline",
    10000,
    "Accepted; people are read per batch instead of being cached.",
    { min: 0, integer: true },
  ),
  WORKER_CONCURRENCY: number(
    "Plugins",
    0,
    "Processes that one plugin may have at most while events wait for it; 0 is one per core.",
    { min: 0, integer: true },
  ),
  TASKS_PER_WORKER: number("Plugins", 10, "Events that one worker runs at a time.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  TASK_TIMEOUT: number("Plugins", 30, "Seconds that a plugin may take for one call.", { min: 0.1 }),
  PLUGIN_HEAP_MB: number("Plugins", 128, "JavaScript heap of one plugin process.", {
    min: 32,
    integer: true,
  }),
  PLUGIN_DATA_MB: number(
    "Plugins",
    1600,
    "Memory of every kind that one plugin process may reserve ('ulimit -d'; the runtime itself reserves about 1100); 0 sets no limit.",
    { min: 0, integer: true },
  ),
  PLUGIN_NICE: number(
    "Plugins",
    10,
    "How far plugin processes stand back for the server (0 to 19).",
    { min: 0, max: 19, integer: true },
  ),
  SITE_URL: text(
    "Plugins",
    null,
    "Address of PostHog's application: plugins ask it by posthog.api, webhook messages link to it.",
  ),
  PLUGIN_LOG_LINES_PER_SECOND: number(
    "Plugins",
    100,
    "Log lines kept per plugin process and second.",
    { min: 1, integer: true },
  ),
  PLUGIN_LOG_LINE_LENGTH: number(
    "Plugins",
    10_000,
    "Characters of one log line that are kept.",
    { min: 100, max: 10_000, integer: true },
  ),
  PLUGIN_IDLE_SECONDS: number(
    "Plugins",
    300,
    "A plugin process without work for so long is ended; 0 is never.",
    { min: 0, integer: true },
  ),
  PLUGIN_STARTS_AT_ONCE: number(
    "Plugins",
    4,
    "Plugin processes that start at the same time, at most.",
    { min: 1, integer: true },
  ),
  PLUGIN_SLOW_LANE_EVENTS: number(
    "Plugins",
    500,
    "Events that may wait in memory for a plugin in the slow lane; when there are more, all pass it by. Of each team no more than 250 wait there, the others are parked.",
    { min: 1, integer: true },
  ),
  PLUGIN_LOG_RETENTION_DAYS: number(
    "Plugins",
    7,
    "Lines of plugins' logs are deleted after so many days; 0 keeps them.",
    { min: 0 },
  ),
  PLUGIN_ERROR_RETENTION_DAYS: number(
    "Plugins",
    30,
    "The last error of a plugin config is deleted after so many days; 0 keeps it.",
    { min: 0 },
  ),
  PLUGIN_REQUESTS_IN_FLIGHT: number(
    "Plugins",
    64,
    "Requests that one plugin process may have under way to the hosts it was granted.",
    { min: 1, integer: true },
  ),
  PLUGIN_REQUEST_SECONDS: number(
    "Plugins",
    60,
    "How long such a request may take, its answer included.",
    { min: 1, integer: true },
  ),
  PLUGIN_TRAFFIC_MB_PER_MINUTE: number(
    "Plugins",
    1_000,
    "What one plugin process may send and receive within a minute.",
    { min: 1, integer: true },
  ),
  PLUGIN_WATCH: choice(
    "Plugins",
    "reload",
    ["off", "reload", "print"],
    "What is done when a file of a 'file:' plugin is saved: nothing, or it is in force at once; 'print' also shows logs and changed events in the server's own log.",
  ),
  NPM_CONFIG_REGISTRY: text(
    "Plugins",
    "https://registry.npmjs.org",
    "Where 'paddock plugins install npm:…' finds packages.",
  ),
  PLUGIN_NET_GRANTS: text(
    "Plugins",
    "",
    "Hosts that plugins may reach: 'Plugin name=host:port,host2;Other=host3'.",
  ),
  PLUGIN_NET_DEFAULT: choice(
    "Plugins",
    "none",
    ["none", "public"],
    "What a plugin without grants may reach: nothing, or every public address.",
  ),
  PLUGIN_ISOLATION: choice(
    "Plugins",
    "organization",
    ["organization", "config"],
    "Who shares a plugin process: the configs of one organization, or nobody.",
  ),
  DELIVERY_RETENTION_HOURS: number(
    "Plugins",
    168,
    "Stored events that a plugin could not be told of for so long (onEvent, exportEvents) are dropped.",
    { min: 1 },
  ),
  DELIVERY_MAX_BYTES: number(
    "Plugins",
    67108864,
    "Stored events held in memory at most while plugins are told of them.",
    { min: 1048576, integer: true },
  ),
  DISABLE_MMDB: boolean("Plugins", false, "Do not offer the GeoIP database to plugins."),
  MMDB_FILE: text(
    "Plugins",
    null,
    "GeoIP database (.mmdb), relative to BASE_DIR; none takes the one in posthog_pluginattachment.",
  ),
  MMDB_DOWNLOAD: boolean(
    "Plugins",
    false,
    "Download a GeoIP database where there is none, or it is older than 45 days.",
  ),
  MMDB_DOWNLOAD_URL: text(
    "Plugins",
    "https://mmdb.posthog.net/",
    "Where from, with MMDB_DOWNLOAD: a City database (.mmdb), plain or compressed by Brotli.",
  ),
  INTERNAL_MMDB_SERVER_PORT: number(
    "Plugins",
    0,
    "Port of the internal GeoIP server; 0 takes a free one.",
    { min: 0, max: 65535, integer: true },
  ),
  KAFKA_ENABLED: boolean(
    "Kafka",
    false,
    "Take events from Kafka and write them to Kafka for ClickHouse.",
  ),
  KAFKA_HOSTS: text("Kafka", null, "Brokers, separated by commas."),
  KAFKA_PREFIX: text("Kafka", "", "In front of the name of every topic."),
  KAFKA_CONSUMPTION_TOPIC: text("Kafka", "events_plugin_ingestion", "Topic that events arrive on."),
  KAFKA_CONSUMER_GROUP: text(
    "Kafka",
    "clickhouse-ingestion",
    "Consumer group of the servers that share the topic's partitions.",
  ),
  KAFKA_START_AT: choice(
    "Kafka",
    "earliest",
    ["earliest", "latest"],
    "Where a partition begins of which the group has committed nothing yet.",
  ),
  KAFKA_SESSION_SECONDS: number(
    "Kafka",
    30,
    "A server that is silent for so long loses its partitions to the others.",
    { min: 1 },
  ),
  KAFKA_SSL: boolean(
    "Kafka",
    false,
    "Reach brokers by TLS; also on with a certificate or an authority below.",
  ),
  KAFKA_CLIENT_CERT_B64: text(
    "Kafka",
    null,
    "Client certificate (PEM, base64), with its key.",
    SECRET,
  ),
  KAFKA_CLIENT_CERT_KEY_B64: text(
    "Kafka",
    null,
    "Key of the client certificate (PEM, base64).",
    SECRET,
  ),
  KAFKA_TRUSTED_CERT_B64: text(
    "Kafka",
    null,
    "Authority that brokers are checked against (PEM, base64).",
  ),
  KAFKA_SSL_CHECK_HOSTNAME: boolean(
    "Kafka",
    false,
    "Whether a broker's certificate has to name its host, too; hosted ones often do not.",
  ),
  KAFKA_SASL_MECHANISM: choice(
    "Kafka",
    "none",
    ["none", "plain", "scram-sha-256", "scram-sha-512"],
    "How to log in at brokers.",
  ),
  KAFKA_SASL_USER: text("Kafka", null, "User name, with KAFKA_SASL_MECHANISM."),
  KAFKA_SASL_PASSWORD: text("Kafka", null, "Password, with KAFKA_SASL_MECHANISM.", SECRET),
  KAFKA_PRODUCER_MAX_QUEUE_SIZE: number(
    "Kafka",
    1000,
    "Messages in one produced batch at most; 0 sets no limit.",
    { min: 0, integer: true },
  ),
  KAFKA_FLUSH_FREQUENCY_MS: number(
    "Kafka",
    500,
    "How long a message that nobody waits for (a line of a plugin's log) waits for others.",
    { min: 0, integer: true },
  ),
  KAFKA_MAX_MESSAGE_BATCH_SIZE: number(
    "Kafka",
    900000,
    "Bytes in one produced batch at most; a larger message is sent alone.",
    { min: 1, integer: true },
  ),
  CLICKHOUSE_HOST: text(
    "ClickHouse",
    "localhost",
    "ClickHouse, with KAFKA_ENABLED: host or host:port.",
  ),
  CLICKHOUSE_DATABASE: text("ClickHouse", "default", "ClickHouse database."),
  CLICKHOUSE_USER: text("ClickHouse", "default", "ClickHouse user."),
  CLICKHOUSE_PASSWORD: text("ClickHouse", null, "ClickHouse password.", SECRET),
  CLICKHOUSE_CA: text(
    "ClickHouse",
    null,
    "File with the authority that ClickHouse is checked against, relative to BASE_DIR.",
  ),
  CLICKHOUSE_SECURE: boolean("ClickHouse", false, "Reach ClickHouse by TLS."),
  CLICKHOUSE_KAFKA_HOSTS: text(
    "ClickHouse",
    "",
    "Brokers as ClickHouse reaches them, for the tables that --migrate makes; empty is KAFKA_HOSTS.",
  ),
  CLICKHOUSE_KAFKA_FLUSH_MS: number(
    "ClickHouse",
    0,
    "How long the tables that --migrate makes gather messages before they are rows; 0 is ClickHouse's default (7500).",
    { min: 0, integer: true },
  ),
  JOB_QUEUES: list("Jobs", ["graphile"], "Job queues, in the order in which they are tried."),
  JOB_QUEUE_GRAPHILE_URL: text(
    "Jobs",
    "",
    "Postgres of the job queue; empty is the main one.",
    SECRET,
  ),
  JOB_QUEUE_GRAPHILE_SCHEMA: text("Jobs", "graphile_worker", "Schema of the job queue."),
  JOB_QUEUE_GRAPHILE_PREPARED_STATEMENTS: boolean(
    "Jobs",
    false,
    "Use prepared statements for jobs; not behind a pooling proxy.",
  ),
  JOB_QUEUE_S3_AWS_ACCESS_KEY: text("Jobs", "", "Accepted; the job queue is in Postgres.", SECRET),
  JOB_QUEUE_S3_AWS_SECRET_ACCESS_KEY: text(
    "Jobs",
    "",
    "Accepted; the job queue is in Postgres.",
    SECRET,
  ),
  JOB_QUEUE_S3_AWS_REGION: text("Jobs", "us-west-1", "Accepted; the job queue is in Postgres."),
  JOB_QUEUE_S3_BUCKET_NAME: text("Jobs", "", "Accepted; the job queue is in Postgres."),
  JOB_QUEUE_S3_PREFIX: text("Jobs", "", "Accepted; the job queue is in Postgres."),
  JOB_CONCURRENCY: number("Jobs", 50, "Jobs that a server runs at a time.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  JOB_ATTEMPTS: number(
    "Jobs",
    10,
    "How often a plugin's job is tried that throws a RetryError or does not come to an end.",
    { min: 1, max: 1000, integer: true },
  ),
  JOB_RETRY_SECONDS: number(
    "Jobs",
    3,
    "The first wait before a plugin's job is tried again; each is twice the one before.",
    { min: 0 },
  ),
  EXPORT_ATTEMPTS: number(
    "Jobs",
    15,
    "How often a batch is tried again that exportEvents could not export.",
    { min: 1, max: 1000, integer: true },
  ),
  EXPORT_RETRY_SECONDS: number(
    "Jobs",
    6,
    "The first wait before a batch is exported again; each is twice the one before.",
    { min: 0 },
  ),
  JOB_MAX_PER_CONFIG: number(
    "Jobs",
    100000,
    "Jobs of one plugin config that may wait; what it asks for beyond is refused.",
    { min: 1, integer: true },
  ),
  JOB_DEAD_RETENTION_DAYS: number(
    "Jobs",
    7,
    "Dead jobs that nobody tried again ('paddock jobs') are dropped after so long.",
    { min: 1 },
  ),
  CRASH_IF_NO_PERSISTENT_JOB_QUEUE: boolean("Jobs", false, "Do not start without a job queue."),
  HOOK_NET_GRANTS: list(
    "Actions",
    [],
    "Private addresses that webhooks and REST hooks may reach: address or address:port.",
  ),
  HOOK_TIMEOUT_SECONDS: number("Actions", 10, "Seconds that one request to a hook may take.", {
    min: 0.1,
  }),
  HOOK_CONCURRENCY: number("Actions", 20, "Requests to hooks that a server makes at a time.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  HOOK_MAX_PER_TEAM: number(
    "Actions",
    100000,
    "Requests to a team's hooks that may wait; what comes beyond is dropped, and said.",
    { min: 1, integer: true },
  ),
  HOOK_ATTEMPTS: number("Actions", 10, "How often a hook that does not answer is tried.", {
    min: 1,
    max: 1000,
    integer: true,
  }),
  HOOK_RETRY_SECONDS: number(
    "Actions",
    5,
    "The first wait before a hook is tried again; each is twice the one before.",
    { min: 0 },
  ),
  LOG_LEVEL: choice(
    "Observability",
    "info",
    ["debug", "info", "log", "warn", "error", "none"],
    "The least that is logged.",
  ),
  LOG_FORMAT: choice(
    "Observability",
    "auto",
    ["auto", "pretty", "json"],
    "How it is logged; auto is pretty on a terminal and JSON elsewhere.",
  ),
  SENTRY_DSN: text("Observability", null, "Where errors are reported.", SECRET),
  STATSD_HOST: text("Observability", null, "StatsD to send metrics to; none sends nothing."),
  STATSD_PORT: number("Observability", 8125, "Port of StatsD.", PORT),
  STATSD_PREFIX: text("Observability", "plugin-server.", "In front of every metric's name."),
  CAPTURE_INTERNAL_METRICS: boolean(
    "Observability",
    false,
    "Capture the server's own metrics as events of the internal project.",
  ),
  PISCINA_USE_ATOMICS: boolean(
    "Accepted for compatibility",
    true,
    "No effect: Paddock has no thread pool of that kind.",
  ),
  PISCINA_ATOMICS_TIMEOUT: number(
    "Accepted for compatibility",
    5000,
    "No effect: Paddock has no thread pool of that kind.",
    { min: 0, integer: true },
  ),
} as const satisfies Record<string, Setting>;

/** A name of the table. */
export type SettingName = keyof typeof SETTINGS;

/** Every setting's value. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };
