/** Scheduled tasks on several servers: no tick twice, none lost while any server lives. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import type { HookOutcome } from "../../src/pipeline/plugin_hooks.ts";
import { type ScheduledPlugin, Scheduler } from "../../src/scheduler/scheduler.ts";
import type { Lease, LeaseStore } from "../../src/stores/lease.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { PostgresLeaseStore } from "../../src/stores/postgres/lease.ts";
import { ScheduleTicks } from "../../src/stores/postgres/schedule/schedule_ticks.ts";
import { ServerPresence } from "../../src/stores/postgres/servers.ts";
import { RedisLeaseStore } from "../../src/stores/redis/lease.ts";
import { createTestDatabase, serviceAddress } from "../services/database.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { eventually, installedSpecs, startPluginServer } from "../services/plugin_server.ts";

/** Simulated time: a minute lasts 200 ms. Everything else is as it is in a server. */
const SPEED = 300;

class FastTicks extends ScheduleTicks {
  static readonly #began = performance.now();
  static readonly #from = Date.UTC(2021, 9, 28, 23, 55, 10);

  static minute(): number {
    return Math.floor(FastTicks.#time() / 60_000);
  }

  static #time(): number {
    return FastTicks.#from + (performance.now() - FastTicks.#began) * SPEED;
  }

  override now(): Promise<Date> {
    return Promise.resolve(new Date(FastTicks.#time()));
  }
}

interface Run {
  readonly server: string;
  readonly configId: number;
  readonly task: string;
  readonly minute: number;
}

interface TestServer {
  readonly scheduler: Scheduler;
  stop(): Promise<void>;
  /** Stops without a word: its lease and its runs are left to expire. */
  die(): Promise<void>;
}

/** A server's scheduler with plugins that only note when they are run. */
async function startServer(
  database: Database,
  leases: LeaseStore,
  runs: Run[],
  options: {
    readonly configIds: readonly number[];
    readonly runMs?: number;
    readonly said?: string[];
  },
): Promise<TestServer> {
  const id = randomUUID();
  const presence = new ServerPresence(database, { id, ttlMs: 400 });
  await presence.start();
  let isDead = false;
  const plugins = options.configIds.map((configId): ScheduledPlugin => ({
    teamId: 1,
    spec: { id: 1, name: "Scheduled" },
    configId,
    exports: { scheduled_tasks: ["runEveryMinute", "runEveryDay", "runEverySecond"] },
    load: () => {},
    call: async (task): Promise<HookOutcome> => {
      runs.push({ server: id, configId, task, minute: FastTicks.minute() });
      await new Promise((resolve) => setTimeout(resolve, options.runMs ?? 5));
      return { status: "done", failures: [] };
    },
    say: (_type, message) => options.said?.push(message),
  }));
  // One that died renews nothing and releases nothing.
  const mortal: LeaseStore = {
    acquire: async (name, ttlMs) => {
      if (isDead) return null;
      const lease = await leases.acquire(name, ttlMs);
      return lease === null ? null : {
        renew: () => isDead ? Promise.reject(new Error("dead")) : lease.renew(),
        release: () => isDead ? Promise.resolve() : lease.release(),
      } satisfies Lease;
    },
    close: () => Promise.resolve(),
  };
  const ticks = new FastTicks(database, id);
  const scheduler = new Scheduler(
    { leases: mortal, ticks, plugins: { all: () => isDead ? [] : plugins } },
    { lockTtlMs: 400, lookMs: 20 },
  );
  scheduler.start();
  return {
    scheduler,
    stop: async () => {
      await scheduler.stop(2_000);
      await presence.stop();
    },
    die: async () => {
      isDead = true;
      await scheduler.stop(0);
      await presence.abandon();
    },
  };
}

/** How often the config's task of every minute was run. */
function countRuns(runs: readonly Run[], configId: number): number {
  return runs.filter((run) => run.configId === configId && run.task === "runEveryMinute").length;
}

async function ticksOf(database: Database): Promise<number> {
  const rows = await database.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM paddock.schedule_tick",
  );
  return rows[0]?.count ?? 0;
}

async function threeServers(database: Database, leases: LeaseStore): Promise<void> {
  const runs: Run[] = [];
  const options = { configIds: [1, 2] };
  const servers: TestServer[] = [];
  for (let count = 0; count < 3; count++) {
    servers.push(await startServer(database, leases, runs, options));
  }
  const began = FastTicks.minute();
  await eventually(() => servers.some(({ scheduler }) => scheduler.isLeader), () => "no leader");
  await eventually(() => FastTicks.minute() >= began + 8, () => "time stands still");
  const leader = servers.find(({ scheduler }) => scheduler.isLeader) as TestServer;
  await leader.die();
  const died = FastTicks.minute();
  const rest = servers.filter((server) => server !== leader);
  await eventually(
    () => rest.some(({ scheduler }) => scheduler.isLeader) && FastTicks.minute() >= died + 12,
    () => "nobody took over",
  );
  for (const server of rest) await server.stop();
  const ended = FastTicks.minute();
  const servedBy = new Set(runs.map(({ server }) => server));
  assert.equal(servedBy.size, 2, "one ran them, and another after it");
  for (const configId of options.configIds) {
    const count = countRuns(runs, configId);
    const minutes = ended - began;
    // Each minute once: what nobody ran while the lease of the dead one lasted was made up for.
    assert.ok(
      count >= minutes - 2 && count <= minutes + 1,
      `${count} runs in ${minutes} minutes`,
    );
  }
  const days = runs.filter(({ task, configId }) => task === "runEveryDay" && configId === 1);
  assert.ok(days.length <= 1);
  assert.ok(!runs.some(({ task }) => task === "runEverySecond"), "there is no such schedule");
  assert.equal(await ticksOf(database) > 0, true);
}

Deno.test("three servers with leases on Redis, one killed: every minute once", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  // A lease of its own for this test, as others may run on the same Redis.
  const redis = new RedisLeaseStore(serviceAddress("PADDOCK_TEST_REDIS_URL"));
  const suffix = randomBytes(6).toString("hex");
  const leases: LeaseStore = {
    acquire: (name, ttlMs) => redis.acquire(`${name} ${suffix}`, ttlMs),
    close: () => redis.close(),
  };
  await threeServers(test.database, leases);
  await leases.close();
});

Deno.test("three servers with leases on Postgres, one killed: every minute once", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  await threeServers(test.database, new PostgresLeaseStore(test.database));
});

Deno.test("a tick is run once even when two servers believe that they hold the lease", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const runs: Run[] = [];
  // A lease store that excludes nobody.
  const always: LeaseStore = {
    acquire: () =>
      Promise.resolve({ renew: () => Promise.resolve(true), release: () => Promise.resolve() }),
    close: () => Promise.resolve(),
  };
  const servers = await Promise.all(
    [1, 2, 3].map(() => startServer(test.database, always, runs, { configIds: [7] })),
  );
  const began = FastTicks.minute();
  await eventually(() => FastTicks.minute() >= began + 10, () => "time stands still");
  for (const server of servers) await server.stop();
  const count = countRuns(runs, 7);
  const minutes = FastTicks.minute() - began;
  assert.ok(count >= 8 && count <= minutes + 1, `${count} runs in ${minutes} minutes`);
});

Deno.test("a run that goes on for minutes is not joined by another, here or elsewhere [5.schedule]", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const leases = new PostgresLeaseStore(test.database);
  const runs: Run[] = [];
  const first = await startServer(test.database, leases, runs, { configIds: [3], runMs: 900 });
  await eventually(() => runs.length === 1, () => "nothing runs");
  const began = FastTicks.minute();
  await eventually(() => FastTicks.minute() >= began + 3, () => "time stands still");
  assert.equal(runs.length, 1, "the minutes in between were skipped");
  await eventually(() => runs.length === 2, () => "it never runs again");
  await first.stop();
});

Deno.test("ticks that no server was there for are skipped, and the plugin's log says so", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const leases = new PostgresLeaseStore(test.database);
  const runs: Run[] = [];
  const said: string[] = [];
  const first = await startServer(test.database, leases, runs, { configIds: [4], said });
  await eventually(() => runs.length > 0, () => "nothing runs");
  await first.stop();
  const stopped = FastTicks.minute();
  await eventually(() => FastTicks.minute() >= stopped + 6, () => "time stands still");
  const before = runs.length;
  const second = await startServer(test.database, leases, runs, { configIds: [4], said });
  const restarted = FastTicks.minute();
  await eventually(() => runs.length > before, () => "nothing runs");
  await eventually(() => FastTicks.minute() >= restarted + 3, () => "time stands still");
  await second.stop();
  assert.ok(runs.length - before <= FastTicks.minute() - restarted + 1, "nothing was made up for");
  assert.ok(
    said.some((line) => /runEveryMinute: \d+ runs before this one were skipped/.test(line)),
  );
});

Deno.test("a clock that jumps brings no tick twice, and no crowd of them", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const id = randomUUID();
  const presence = new ServerPresence(test.database, { id, ttlMs: 60_000 });
  await presence.start();
  let now = Date.UTC(2021, 9, 28, 12, 0, 30);
  class SetTicks extends ScheduleTicks {
    override now(): Promise<Date> {
      return Promise.resolve(new Date(now));
    }
  }
  let runs = 0;
  const said: string[] = [];
  const plugin: ScheduledPlugin = {
    teamId: 1,
    spec: { id: 1, name: "Scheduled" },
    configId: 1,
    exports: { scheduled_tasks: ["runEveryMinute"] },
    load: () => {},
    call: () => {
      runs++;
      return Promise.resolve({ status: "done", failures: [] });
    },
    say: (_type, message) => said.push(message),
  };
  const scheduler = new Scheduler(
    {
      leases: new PostgresLeaseStore(test.database),
      ticks: new SetTicks(test.database, id),
      plugins: { all: () => [plugin] },
    },
    { lockTtlMs: 60_000, lookMs: 10 },
  );
  scheduler.start();
  const settle = () => new Promise((resolve) => setTimeout(resolve, 150));
  await eventually(() => scheduler.isLeader, () => "it is not the leader");
  await settle();
  now += 60_000;
  await eventually(() => runs === 1, () => "the minute was not noticed");
  // Three hours ahead: one run, and a word about those that were not.
  now += 3 * 3_600_000;
  await eventually(() => runs === 2, () => "the jump was not noticed");
  await settle();
  assert.equal(runs, 2);
  assert.ok(said.some((line) => line === "runEveryMinute: 179 runs before this one were skipped."));
  // Two hours back: these minutes have had their runs.
  now -= 2 * 3_600_000;
  await settle();
  now += 60_000;
  await settle();
  assert.equal(runs, 2);
  now += 2 * 3_600_000;
  await eventually(() => runs === 3, () => "it never goes on");
  await scheduler.stop(1_000);
  await presence.stop();
});

Deno.test("runEveryMinute runs in the fence, and its errors are in the plugin's log [5.schedule]", async () => {
  await using test = await createTestDatabase();
  const teamId = await prepareDatabase(test.database);
  const specs = await installedSpecs(test.database, teamId, [{
    source: `
      exports.runEveryMinute = async ({ config }) => {
        console.log("minute " + typeof config)
        throw new Error("in the task")
      }
      exports.runEveryDecade = () => console.log("never")`,
  }]);
  await using server = await startPluginServer(test.database, specs);
  const scheduler = new Scheduler(
    {
      leases: new PostgresLeaseStore(test.database),
      ticks: new FastTicks(test.database, server.id),
      plugins: server.hosts.targets,
    },
    { lockTtlMs: 1_000, lookMs: 20 },
  );
  scheduler.start();
  await eventually(() => server.printed().length >= 2, () => server.logText());
  await scheduler.stop(2_000);
  assert.equal(server.printed()[0], "minute object");
  assert.ok(!server.printed().includes("never"));
  assert.match(server.logText(), /in the task/);
});
