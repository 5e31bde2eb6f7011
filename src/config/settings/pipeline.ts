/** Settings of the road of events. */
import type { Setting } from "../setting.ts";
import { number } from "./kinds.ts";

export const PIPELINE_SETTINGS = {
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
} as const satisfies Record<string, Setting>;
