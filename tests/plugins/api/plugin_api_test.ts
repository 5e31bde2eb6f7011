/** `meta.cache` and `meta.storage` as plugins see them, the cache on Redis and on Postgres alike. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { Redis } from "ioredis";
import { MemoryPluginCache } from "../../../src/plugins/trial/memory_cache.ts";
import { MemoryPluginStorage } from "../../../src/plugins/trial/memory_storage.ts";
import { StoredPluginApi } from "../../../src/plugins/api/plugin_api.ts";
import type { PluginApi, PluginCallResult, PluginConfig } from "../../../src/plugins/types.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import type { PluginCache } from "../../../src/stores/plugin_cache.ts";
import type { Database } from "../../../src/stores/postgres/database.ts";
import { createFirstProject } from "../../../src/stores/postgres/first_project.ts";
import { PostgresPluginCache } from "../../../src/stores/postgres/plugin_cache.ts";
import { PluginStorage } from "../../../src/stores/postgres/plugin_storage.ts";
import { RedisPluginCache } from "../../../src/stores/redis/plugin_cache.ts";
import { createTestDatabase, serviceAddress } from "../../services/database.ts";
import { installPlugin } from "../../services/plugin_rows.ts";

interface TestApi extends AsyncDisposable {
  readonly database: Database;
  readonly api: PluginApi;
  readonly configs: ReadonlyMap<number, PluginConfig>;
  /** Ids of two configs of one plugin and team, and of one of another plugin. */
  readonly ids: readonly [number, number, number];
  /** Calls of one tick; errors as `{ error }`. */
  call(...calls: readonly [number, string, ...unknown[]][]): Promise<unknown[]>;
}

async function apiOn(store: "redis" | "postgres" | "memory"): Promise<TestApi> {
  const test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  // On Redis the databases of all tests meet, so their plugins' ids have to differ.
  const first = randomInt(2 ** 30);
  await database.query(`ALTER SEQUENCE posthog_plugin_id_seq RESTART WITH ${first}`);
  const one = await installPlugin(database, { name: "One", source: "", teamId });
  const other = await installPlugin(database, { name: "Other", source: "", teamId });
  const [twin] = await database.query<{ id: number }>(
    `INSERT INTO posthog_pluginconfig (team_id, plugin_id, enabled, "order", config, created_at, updated_at)
     SELECT team_id, plugin_id, true, 2, '{}', now(), now() FROM posthog_pluginconfig WHERE id = $1
     RETURNING id`,
    [one],
  );
  const ids = [one, twin?.id as number, other] as const;
  const rows = await database.query<{ id: number; plugin_id: number }>(
    "SELECT id, plugin_id FROM posthog_pluginconfig",
  );
  const configs = new Map(rows.map(({ id, plugin_id }) => [id, {
    id,
    teamId,
    pluginId: plugin_id,
    order: 1,
    config: {},
    attachments: {},
    updatedAt: "",
  }]));
  const redisUrl = serviceAddress("PADDOCK_TEST_REDIS_URL");
  const cache: PluginCache = store === "redis"
    ? new RedisPluginCache(redisUrl)
    : store === "postgres"
    ? new PostgresPluginCache(database)
    : new MemoryPluginCache();
  const api = new StoredPluginApi(
    cache,
    store === "memory" ? new MemoryPluginStorage() : new PluginStorage(database),
  );
  return {
    database,
    api,
    configs,
    ids,
    async call(...calls) {
      const results = await api.call(
        configs,
        calls.map(([pluginConfigId, method, ...args]) => ({ pluginConfigId, method, args })),
      );
      return results.map((result: PluginCallResult) =>
        "value" in result ? result.value : "error" in result ? { error: result.error } : result
      );
    },
    async [Symbol.asyncDispose]() {
      await cache.close();
      if (store === "redis") {
        const redis = new Redis(redisUrl);
        for (const { pluginId } of configs.values()) {
          const keys = await redis.keys(`@plugin/${pluginId}/*`);
          if (keys.length > 0) await redis.del(...keys);
        }
        redis.disconnect();
      }
      await test[Symbol.asyncDispose]();
    },
  };
}

// In memory is where plugins are tried without a server.
for (const store of ["redis", "postgres", "memory"] as const) {
  Deno.test(`${store}: values, defaults and raw texts, in the order of the calls`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    assert.deepEqual(
      await test.call(
        [one, "cache.get", "k", "the default", null],
        [one, "cache.get", "k"],
        [one, "cache.set", "k", { a: [1, "ü"] }, null, null],
        [one, "cache.get", "k", "the default", null],
        [one, "cache.set", "k", null, null, null],
        [one, "cache.get", "k", "the default", null],
        [one, "cache.set", "raw", "not json", null, { jsonSerialize: false }],
        [one, "cache.get", "raw", "the default", null],
        [one, "cache.get", "raw", "the default", { jsonSerialize: false }],
        [one, "cache.set", "k", false],
        [one, "cache.get", "k", "the default"],
      ),
      [
        "the default",
        null,
        null,
        { a: [1, "ü"] },
        null,
        null,
        null,
        null,
        "not json",
        null,
        false,
      ],
    );
  });

  Deno.test(`${store}: counters, and what is no counter`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    const answers = await test.call(
      [one, "cache.incr", "n"],
      [one, "cache.incr", "n"],
      [one, "cache.get", "n"],
      [one, "cache.set", "n", "text"],
      [one, "cache.incr", "n"],
      [one, "cache.incr", "m"],
    );
    assert.deepEqual(answers.slice(0, 4), [1, 2, 2, null]);
    assert.match((answers[4] as { error: string }).error, /not an integer/);
    assert.equal(answers[5], 1);
  });

  Deno.test(`${store}: keys and values with control characters are keys and values`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    const key = "a\r\nDEL *\u001b[2J\u007f\u0085\u2028 'x' \"y\" $1 @plugin/1/2/b";
    const answers = await test.call(
      [one, "cache.set", key, "v\r\n\u001b\u0000"],
      [one, "cache.get", key],
      [one, "cache.get", "a", "another"],
      [one, "cache.set", "nul\u0000", 1],
      [one, "cache.get", "nul\u0000"],
      [one, "cache.lpush", `${key} list`, ["1\r\n2", ""]],
      [one, "cache.lrange", `${key} list`, 0, -1],
      [one, "cache.incr", `${key}\t`],
    );
    assert.deepEqual(answers, [
      null,
      "v\r\n\u001b\u0000",
      "another",
      null,
      1,
      2,
      ["", "1\r\n2"],
      1,
    ]);
  });

  Deno.test(`${store}: lists`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    const answers = await test.call(
      [one, "cache.llen", "l"],
      [one, "cache.lrange", "l", 0, -1],
      [one, "cache.lpush", "l", "a"],
      [one, "cache.lpush", "l", ["b", 3, "a"]],
      [one, "cache.lrange", "l", 0, -1],
      [one, "cache.lrange", "l", 1, 2],
      [one, "cache.lrange", "l", -2, 99],
      [one, "cache.lrem", "l", 1, "a"],
      [one, "cache.lrange", "l", 0, -1],
      [one, "cache.lpop", "l", 2],
      [one, "cache.llen", "l"],
      [one, "cache.get", "l"],
      [one, "cache.lpush", "l", []],
    );
    const [alone] = await test.call([one, "cache.get", "l"]);
    assert.match((alone as { error: string }).error, /WRONGTYPE/);
    assert.deepEqual(answers.slice(0, 11), [
      0,
      [],
      1,
      4,
      ["a", "3", "b", "a"],
      ["3", "b"],
      ["b", "a"],
      1,
      ["3", "b", "a"],
      ["3", "b"],
      1,
    ]);
    assert.match((answers[11] as { error: string }).error, /WRONGTYPE/);
    assert.match((answers[12] as { error: string }).error, /1 to 1000 elements/);
  });

  Deno.test(`${store}: configs of one plugin and team share a cache, and no others do`, async () => {
    await using test = await apiOn(store);
    const [one, twin, other] = test.ids;
    const escape = `../../${test.configs.get(one)?.pluginId}/${test.configs.get(one)?.teamId}/k`;
    assert.deepEqual(
      await test.call(
        [one, "cache.set", "k", "mine"],
        [twin, "cache.get", "k"],
        [other, "cache.get", "k", "nothing"],
        [other, "cache.get", escape, "nothing"],
      ),
      [null, "mine", "nothing", "nothing"],
    );
  });
}

for (const store of ["redis", "postgres"] as const) {
  Deno.test(`${store}: more keys in one turn than a transaction may have locks`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}`);
    const all = (method: string, ...args: unknown[]) =>
      test.call(...keys.map((key): [number, string, ...unknown[]] => [one, method, key, ...args]));
    assert.deepEqual(await all("cache.incr"), keys.map(() => 1));
    assert.deepEqual(await all("cache.get"), keys.map(() => 1));
    assert.deepEqual(await all("cache.set", "text"), keys.map(() => null));
    assert.deepEqual(await all("cache.get"), keys.map(() => "text"));
  });

  Deno.test(`${store}: of two values for one key in one turn the later one is kept`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    await test.call([one, "cache.lpush", "k", "a"]);
    await test.call([one, "cache.set", "k", 1], [one, "cache.set", "l", 2], [
      one,
      "cache.set",
      "k",
      3,
    ]);
    assert.deepEqual(await test.call([one, "cache.get", "k"], [one, "cache.get", "l"]), [3, 2]);
  });

  Deno.test(`${store}: who writes the same keys in another order waits for nobody for ever`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    await Promise.all(Array.from({ length: 12 }, async (_, turn) => {
      const order = turn % 2 === 0 ? keys : keys.toReversed();
      const answers = await test.call(
        ...order.map((key): [number, string, string] => [one, "cache.incr", key]),
      );
      assert.ok(answers.every((answer) => typeof answer === "number"), JSON.stringify(answers[0]));
    }));
    assert.deepEqual(await test.call([one, "cache.get", "k0"], [one, "cache.get", "k199"]), [
      12,
      12,
    ]);
  });

  Deno.test(`${store}: expiry`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    assert.deepEqual(
      await test.call(
        [one, "cache.set", "k", 1, 1],
        [one, "cache.expire", "nothing", 10],
        [one, "cache.get", "k"],
        [one, "cache.set", "long", 1],
        [one, "cache.expire", "long", 100],
      ),
      [null, false, 1, null, true],
    );
    const deadline = performance.now() + 20_000;
    while ((await test.call([one, "cache.get", "k"]))[0] !== null) {
      assert.ok(performance.now() < deadline, "it never expired");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(await test.call([one, "cache.get", "long"]), [1]);
  });
}

for (const store of ["postgres", "memory"] as const) {
  Deno.test(`${store}: a cursor begins once and is moved as often as it is asked to`, async () => {
    await using test = await apiOn(store);
    const [one] = test.ids;
    const answers = await test.call(
      [one, "storage.increment", "c", 1],
      [one, "storage.init", "c", 5],
      [one, "storage.init", "c", 7],
      [one, "storage.increment", "c", 1],
      [one, "storage.increment", "c", 2.5],
      [one, "storage.increment", "other", 1],
      [one, "storage.increment", "c", -3],
      [one, "storage.get", "c"],
      [one, "storage.set", "text", "abc"],
      [one, "storage.increment", "text", 1],
      [one, "storage.increment", "c", "1"],
      [one, "storage.init", "d", null],
    );
    const missing = (key: string) => ({
      error: `there is no number under '${key}': call cursor.init before`,
    });
    assert.deepEqual(answers, [
      missing("c"),
      null,
      null,
      6,
      8.5,
      missing("other"),
      5.5,
      5.5,
      null,
      missing("text"),
      { error: "a cursor is moved by a number" },
      { error: "a cursor begins with a number" },
    ]);
  });
}

Deno.test("cursors of several servers lose no step", async () => {
  await using test = await apiOn("postgres");
  const [one] = test.ids;
  await test.call([one, "storage.init", "c", 0]);
  const steps = Array.from(
    { length: 20 },
    () =>
      test.call(
        ...Array.from({ length: 5 }, () => [one, "storage.increment", "c", 1] as const).map((
          call,
        ) => [...call] as [number, string, ...unknown[]]),
      ),
  );
  const all = (await Promise.all(steps)).flat() as number[];
  assert.deepEqual(all.toSorted((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1));
});

Deno.test("storage: values, defaults, keys of any type, in the order of the calls", async () => {
  await using test = await apiOn("postgres");
  const [one, twin] = test.ids;
  assert.deepEqual(
    await test.call(
      [one, "storage.get", "k", "the default"],
      [one, "storage.set", "k", { a: 1, "\u0000": "\ud800" }],
      [one, "storage.get", "k", "the default"],
      [one, "storage.set", "k", 2],
      [one, "storage.set", "k", 3],
      [one, "storage.get", "k"],
      [twin, "storage.get", "k", "not the twin's"],
      [one, "storage.set", 77, true],
      [one, "storage.get", 77],
      [one, "storage.del", "k"],
      [one, "storage.get", "k", "gone"],
      [one, "storage.get", "x"],
    ),
    [
      "the default",
      null,
      // JSON.stringify writes both as escapes, which text may hold.
      { a: 1, "\u0000": "\ud800" },
      null,
      null,
      3,
      "not the twin's",
      null,
      true,
      null,
      "gone",
      null,
    ],
  );
});

Deno.test("a call is refused alone: foreign config, unknown method, bad arguments, a key too long", async () => {
  await using test = await apiOn("postgres");
  const [one] = test.ids;
  const answers = await test.call(
    [one, "storage.set", "k", 1],
    [999_999, "storage.get", "k"],
    [one, "storage.drop", "k"],
    [one, "posthog.api", "k"],
    [one, "constructor", "k"],
    [one, "storage.set", "k".repeat(201), 1],
    [one, "cache.get", "k".repeat(1_001)],
    [one, "cache.expire", "k", "soon"],
    [one, "cache.lrange", "k", 0, 2 ** 40],
    [one, "storage.get", "k"],
  );
  const errors = answers.slice(1, 9).map((answer) => (answer as { error: string }).error);
  assert.deepEqual(errors, [
    "not a config of this plugin",
    "storage.drop is not available",
    "posthog.api is not available",
    "constructor is not available",
    "a storage key has 201 characters; 200 are allowed",
    "a cache key has 1001 characters; 1000 are allowed",
    "the ttl is not a number",
    "the end is not a number",
  ]);
  assert.deepEqual([answers[0], answers[9]], [null, 1]);
});

Deno.test("values over the limit are refused alone, and what was there stays", async () => {
  await using test = await apiOn("postgres");
  const [one] = test.ids;
  const large = "x".repeat(10 * 1024 * 1024 - 1);
  const answers = await test.call(
    [one, "storage.set", "k", "small"],
    [one, "storage.set", "k", large],
    [one, "storage.get", "k"],
    [one, "cache.set", "k", large],
    [one, "cache.get", "k", "nothing"],
    [one, "cache.lpush", "l", [large, large]],
    [one, "cache.llen", "l"],
    [one, "storage.set", "k", large.slice(2)],
  );
  assert.deepEqual(answers, [
    null,
    { error: "a storage value has 10485761 characters; 10485760 are allowed" },
    "small",
    { error: "a cached value has 10485761 characters; 10485760 are allowed" },
    "nothing",
    { error: "a cached value has 20971518 characters; 10485760 are allowed" },
    0,
    null,
  ]);
});

Deno.test("what comes out of the fence may have any shape: an answer for each, never a rejection", async () => {
  await using test = await apiOn("postgres");
  const [one] = test.ids;
  const hostile: unknown[] = [
    { pluginConfigId: one, method: 5, args: [] },
    { pluginConfigId: one, method: "cache.get", args: null },
    { pluginConfigId: one, method: "cache.get", args: "abc" },
    { pluginConfigId: one, method: "cache.get" },
    { pluginConfigId: "1; DROP TABLE posthog_plugin", method: "cache.get", args: ["k"] },
    { pluginConfigId: one, method: "storage.get", args: [{ toString: null }, 1] },
    {},
    null,
    { pluginConfigId: one, method: "cache.lpush", args: ["k", [{ toString: null }]] },
  ];
  const answers = await test.api.call(test.configs, hostile as never);
  assert.equal(answers.length, hostile.length);
  assert.ok(answers.every(({ ok }) => typeof ok === "boolean"));
});

Deno.test("a store that is away is an error that the plugin sees", async () => {
  await using test = await apiOn("postgres");
  const [one] = test.ids;
  const away = new StoredPluginApi(
    new RedisPluginCache("redis://127.0.0.1:1"),
    new PluginStorage(test.database),
  );
  const answers = await away.call(test.configs, [
    { pluginConfigId: one, method: "cache.get", args: ["k"] },
  ]);
  assert.deepEqual(answers, [{ ok: false, error: "the store is not available now" }]);
});
