/** Settings of the server itself and of what it serves over HTTP. */
import type { Setting } from "../setting.ts";
import { boolean, list, number, SECRET, text } from "./kinds.ts";

export const SERVING_SETTINGS = {
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
} as const satisfies Record<string, Setting>;
