/** `posthog.capture` as plugins have it. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Calls } from "./channel.ts";

/** What runs: the event that a plugin is given, and how many it captured for it so far. */
interface Cause {
  readonly uuid: string;
  readonly depth: number;
  captured: number;
}

/** As the server names it; see there. */
const DEPTH_PROPERTY = "$plugin_capture_depth";

// Plugins call each other's functions across awaits, and several events run at once: what is being
// processed is known by the road of the call.
const causes = new AsyncLocalStorage<Cause | null>();

/** Runs a function of the plugin for an event, so that what it captures is known to be its doing. */
export function causedBy<T>(event: Record<string, unknown>, run: () => T): T {
  const { uuid, properties } = event;
  const { [DEPTH_PROPERTY]: depth } = (properties ?? {}) as Record<string, unknown>;
  return causes.run({
    uuid: `${uuid as string}`,
    depth: typeof depth === "number" ? depth : 0,
    captured: 0,
  }, run);
}

export interface CaptureNames {
  readonly configId: number;
  /** The distinct id of events that are given none. */
  readonly pluginName: string;
  readonly version: string;
}

/** Defaults as the server before gave them; the event goes through every plugin of the team. */
export function createCapture(
  { configId, pluginName, version }: CaptureNames,
  calls: Calls,
): (event: string, properties?: Record<string, unknown>) => Promise<void> {
  return async (event, properties = {}) => {
    const { distinct_id: distinctId = pluginName, timestamp, ...rest } = properties ?? {};
    const cause = causes.getStore() ?? null;
    await calls.call(configId, "posthog.capture", [
      event,
      {
        $lib: "posthog-plugin-server",
        $lib_version: version,
        distinct_id: distinctId,
        ...rest,
        timestamp: timestamp ?? new Date().toISOString(),
      },
      distinctId,
      cause === null ? null : { uuid: cause.uuid, depth: cause.depth, ordinal: cause.captured++ },
    ]);
  };
}
