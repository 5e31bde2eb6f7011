import { countedEvents } from "./counted_events.ts";
import type { Meta, PluginEvent } from "./types.ts";

interface Setups {
  times: number;
}

export async function setupPlugin({ config, global, storage }: Meta): Promise<void> {
  // Worked out once, as `global` lives as long as this worker does.
  global.counted = countedEvents(config.events);
  const setups = (await storage.get("setups", { times: 0 })) as Setups;
  setups.times++;
  await storage.set("setups", setups);
  console.log(`counts ${[...global.counted].join(", ")}; set up ${setups.times} times so far`);
}

export async function processEvent(event: PluginEvent, meta: Meta): Promise<PluginEvent> {
  const { cache, config, global } = meta;
  if (!global.counted.has(event.event)) return event;
  // The cache counts for all workers and servers together; `global` would count for this one alone.
  const visits = await cache.incr(`visits of ${event.distinct_id}`);
  return { ...event, properties: { ...event.properties, [config.property]: visits } };
}
