/**
 * The bench of meta.cache and meta.storage from inside the fence, on a real Redis and Postgres: calls
 * that are made together share a message and a round trip.
 *
 *   deno task bench:stores [--calls=20000]
 */
import { StoredPluginApi } from "../src/plugins/api/plugin_api.ts";
import { Database } from "../src/stores/postgres/database.ts";
import { PostgresPluginCache } from "../src/stores/postgres/plugin_cache.ts";
import { PluginStorage } from "../src/stores/postgres/plugin_storage.ts";
import { RedisPluginCache } from "../src/stores/redis/plugin_cache.ts";
import { installServices } from "../tests/services/install.ts";
import { prepareDatabase } from "../tests/services/pipeline.ts";
import { installedSpecs, startPluginServer } from "../tests/services/plugin_server.ts";
import { startPostgres } from "../tests/services/postgres.ts";
import { startRedis } from "../tests/services/redis.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, { calls: { type: "string", default: "20000" } });
const callCount = Number(values.calls);

/** Says how long the calls took it, in bursts of so many. */
const PLUGIN = `
const measure = async (name, calls, burst, call, value) => {
  const together = (first) =>
    Promise.all(Array.from({ length: burst }, (_, i) => call("k" + (first + i) % 100, value)))
  await together(0)
  const began = Date.now()
  for (let done = 0; done < calls; done += burst) await together(done)
  const seconds = (Date.now() - began) / 1000
  console.log(name + ", " + burst + " at a time: " + Math.round(calls / seconds) + "/s")
}
exports.jobs = {
  measure: async ({ calls }, { cache, storage }) => {
    for (const burst of [1000, 100, 10]) {
      const some = burst < 100 ? calls / 10 : calls
      await measure("cache.set", some / 2, burst, cache.set, { a: 1 })
      await measure("cache.get", some, burst, cache.get)
      await measure("storage.set", some / 2, burst, storage.set, { a: 1 })
      await measure("storage.get", some, burst, storage.get)
    }
  },
}`;

const directory = await Deno.makeTempDir({ prefix: "paddock-bench-" });
await Deno.chmod(directory, 0o755);
await installServices();
const postgres = await startPostgres({ directory: `${directory}/postgres`, durable: true });
const redis = await startRedis({ directory: `${directory}/redis` });
const database = new Database({ connectionString: postgres.url, max: 8, applicationName: "bench" });
try {
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: PLUGIN }]);
  const configId = specs[0]?.configs[0]?.id as number;
  for (
    const [name, cache] of [
      ["Redis", new RedisPluginCache(redis.url)],
      ["Postgres alone", new PostgresPluginCache(database)],
    ] as const
  ) {
    await using server = await startPluginServer(database, specs, {
      api: new StoredPluginApi(cache, new PluginStorage(database)),
      hosts: { taskTimeoutMs: 120_000 },
    });
    const payload = new TextEncoder().encode(JSON.stringify({ calls: callCount }));
    await server.hosts.targets.get(configId)?.call("job", [payload], "measure");
    for (const line of server.printed()) console.log(`${name}: ${line}`);
    await cache.close();
  }
} finally {
  await database.close();
  await redis.stop();
  await postgres.stop();
  await Deno.remove(directory, { recursive: true });
}
