/** What is done to a running server and its databases, and what it may then say of itself. */
import { setTimeout as sleep } from "node:timers/promises";
// @ts-types="@types/pg"
import pg from "pg";
import { childrenOf, killProcess } from "../../services/server_process.ts";
import { type Arena, LEASE_SECONDS, MAX_CONNECTIONS } from "./arena.ts";

/** A connection that takes longer is taken for refused. */
const CONNECT_MS = 10_000;

export interface FaultTimes {
  /** How long it lasts, where that is not in its nature. */
  readonly holdMs: number;
}

export interface Fault {
  readonly name: string;
  /** Servers that run when it strikes; the first is hit. */
  readonly servers: 1 | 2;
  /**
   * What the first server has to say while it lasts: that this part is not well, nothing at all
   * (it is dead or stopped), or that all is well.
   */
  readonly health: "store" | "celery" | "silent" | "well";
  /** How long after its beginning the server may need to notice. */
  readonly noticedAfterMs: number;
  /**
   * Does it, and resolves when it is over; nothing is repaired besides starting what died.
   * @returns by `performance.now()` since when it was so, where doing it takes a while
   */
  strike(arena: Arena, random: () => number, times: FaultTimes): Promise<number | void>;
}

/** What a supervisor does: starts a process that died, as it was. */
async function restartServer(arena: Arena): Promise<void> {
  arena.servers.shift();
  await arena.startServer();
}

async function pluginProcesses(arena: Arena): Promise<number[]> {
  const pids = await Promise.all(arena.servers.map(({ pid }) => childrenOf(pid)));
  return pids.flat();
}

/** Every connection that Postgres has left, taken as fast as they become free. */
async function useUpConnections(arena: Arena, holdMs: number): Promise<void> {
  const { database, databaseName, databases } = arena;
  await database.query(`ALTER ROLE ${databaseName} CONNECTION LIMIT 0`);
  const held: pg.Client[] = [];
  try {
    await database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1",
      [databaseName],
    );
    const url = new URL(databases.postgres.url);
    const open = async () => {
      const client = new pg.Client({
        connectionString: url.href,
        connectionTimeoutMillis: CONNECT_MS,
      });
      client.on("error", () => {});
      await client.connect();
      held.push(client);
    };
    while (held.length < MAX_CONNECTIONS) {
      try {
        await open();
      } catch {
        // The superuser's last reserved ones are gone as well.
        break;
      }
    }
    // From here on it is the full house that turns the server away.
    await database.query(`ALTER ROLE ${databaseName} CONNECTION LIMIT -1`);
    await sleep(holdMs);
  } finally {
    await Promise.all(held.map((client) => client.end()));
  }
}

/**
 * A database ends and is started again.
 * @param isHeld whether only after the time that a fault lasts
 */
function outage(
  name: string,
  database: "postgres" | "redis",
  how: "kill" | "stop",
  { isHeld }: { readonly isHeld: boolean },
): Fault {
  return {
    name,
    servers: 1,
    health: database === "redis" ? "celery" : "store",
    noticedAfterMs: 3_000,
    async strike({ databases }, _random, { holdMs }) {
      await databases[database].service[how]();
      if (isHeld) await sleep(holdMs);
      await databases[database].start();
    },
  };
}

/** @param isLost whether what was open stays dead when the wire is whole again */
function networkCut(name: string, { isLost }: { readonly isLost: boolean }): Fault {
  return {
    name,
    servers: 1,
    health: "store",
    // A write may wait for a connection that somebody else waits on, and then for its own answer.
    noticedAfterMs: 2 * LEASE_SECONDS * 1_000 + 3_000,
    async strike({ wire }, _random, { holdMs }) {
      wire.cut();
      await sleep(holdMs);
      wire.mend(isLost);
    },
  };
}

export const FAULTS: readonly Fault[] = [
  {
    name: "kill -9 of the server",
    servers: 1,
    health: "silent",
    noticedAfterMs: 0,
    async strike(arena) {
      await arena.servers[0]?.kill();
      await restartServer(arena);
    },
  },
  {
    name: "kill -9 of every plugin process",
    servers: 1,
    health: "well",
    noticedAfterMs: 0,
    async strike(arena, random) {
      // Not so often that the breaker keeps the plugin out of the way.
      for (let times = 0; times < 3; times++) {
        for (const pid of await pluginProcesses(arena)) killProcess(pid);
        await sleep(300 + random() * 700);
      }
    },
  },
  outage("kill -9 of Redis", "redis", "kill", { isHeld: true }),
  outage("kill -9 of Postgres", "postgres", "kill", { isHeld: false }),
  outage("Postgres restarted", "postgres", "stop", { isHeld: false }),
  outage("Postgres stopped for a while", "postgres", "stop", { isHeld: true }),
  {
    name: "Postgres out of connections",
    servers: 1,
    health: "store",
    noticedAfterMs: 3_000,
    strike: (arena, _random, { holdMs }) => useUpConnections(arena, holdMs),
  },
  {
    name: "row locks of people held",
    servers: 1,
    health: "well",
    noticedAfterMs: 0,
    async strike({ database }, _random, { holdMs }) {
      await database.transaction(async (tx) => {
        await tx.query(
          `SELECT FROM posthog_person WHERE id IN (
             SELECT person_id FROM posthog_persondistinctid WHERE distinct_id LIKE '% visitor 3'
           ) FOR UPDATE`,
        );
        await sleep(holdMs);
      }, "patient");
    },
  },
  networkCut("network to Postgres cut, connections survive", { isLost: false }),
  networkCut("network to Postgres cut, connections lost", { isLost: true }),
  {
    name: "a server stopped past its lease, then woken",
    servers: 2,
    health: "silent",
    noticedAfterMs: 0,
    async strike({ servers }, random) {
      const pid = servers[0]?.pid as number;
      Deno.kill(pid, "SIGSTOP");
      await sleep(LEASE_SECONDS * 1_000 + 1_000 + random() * 1_000);
      Deno.kill(pid, "SIGCONT");
    },
  },
];
