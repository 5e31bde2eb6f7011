import type { ExportSettings } from "../plugin_hooks.ts";

const DEFAULT_BYTES = 1024 * 1024;
/** Below what a frame into the fence takes, with room for what is around the events. */
const MAX_BYTES = 32 * 1024 * 1024;
const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 600;

/** Reads a config's values, which are texts; what is no number is as if it were not there. */
export function exportSettings(config: Readonly<Record<string, unknown>>): ExportSettings {
  const { exportEventsToIgnore: ignored } = config;
  return {
    bufferBytes: bounded(config.exportEventsBufferBytes, DEFAULT_BYTES, MAX_BYTES),
    bufferSeconds: bounded(config.exportEventsBufferSeconds, DEFAULT_SECONDS, MAX_SECONDS),
    ignored: new Set(
      typeof ignored === "string"
        ? ignored.split(",").map((name) => name.trim()).filter((name) => name !== "")
        : [],
    ),
  };
}

function bounded(value: unknown, otherwise: number, max: number): number {
  const number = typeof value === "number" ? value : parseFloat(String(value));
  return Number.isFinite(number) ? Math.min(Math.max(number, 1), max) : otherwise;
}
