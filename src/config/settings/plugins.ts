/** Settings of plugins and their processes. */
import type { Setting } from "../setting.ts";
import { boolean, choice, number, text } from "./kinds.ts";

export const PLUGIN_SETTINGS = {
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
} as const satisfies Record<string, Setting>;
