/** Settings of what is seen of the server, and those that only the server before had a use for. */
import type { Setting } from "../setting.ts";
import { boolean, choice, number, PORT, SECRET, text } from "./kinds.ts";

export const OBSERVING_SETTINGS = {
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
