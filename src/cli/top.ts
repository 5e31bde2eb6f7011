/** `paddock top`: the plugins of all running servers, live. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { ServerStatusTable } from "../stores/postgres/server_status.ts";
import type { PluginStatus, ServerStatus } from "../telemetry/server_status.ts";
import { columns, printableLine } from "./command_output.ts";
import { type CommandSession, type RunInSession, wholeNumber } from "./command_session.ts";
import { megabytes } from "./status.ts";

const REFRESH_MS = 2_000;
/** Another screen than the one that the shell has, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const CTRL_C = 3;

const STATES = ["healthy", "slow", "paused", "disabled"] as const;

export function addTopCommand(program: Command, run: RunInSession): void {
  program.command("top")
    .description("the plugins of all servers, live: events, times, errors, memory; q ends it")
    .option("-n, --number <count>", "plugins that are shown", wholeNumber("--number", 1), 30)
    .option("--once", "print it once and end; so it does where the output is no terminal")
    .action((options: { readonly number: number; readonly once?: true }) =>
      run(async (session) => {
        if (options.once || !Deno.stdout.isTerminal()) {
          session.output.print(await screen(session, options.number));
        } else await live(session, options.number);
      })
    );
}

async function live(session: CommandSession, most: number): Promise<void> {
  const encoder = new TextEncoder();
  const write = (text: string) => Deno.stdout.writeSync(encoder.encode(text));
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, end);
  const stopReading = readKeys(end);
  write(ENTER);
  try {
    while (!ended.signal.aborted) {
      const { rows } = Deno.consoleSize();
      const lines = (await screen(session, most)).split("\n").slice(0, rows - 1);
      write(HOME + lines.map((line) => `${line}${CLEAR_LINE}\r\n`).join("") + CLEAR_BELOW);
      await sleep(REFRESH_MS, undefined, { signal: ended.signal }).catch(() => {});
    }
  } finally {
    write(LEAVE);
    stopReading();
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, end);
  }
}

/** Keys come one by one, unseen. Returns what gives the keyboard back. */
function readKeys(end: () => void): () => void {
  if (!Deno.stdin.isTerminal()) return () => {};
  Deno.stdin.setRaw(true);
  const reader = Deno.stdin.readable.getReader();
  const read = async () => {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      if (value.includes(CTRL_C) || value.includes("q".charCodeAt(0))) return end();
    }
  };
  read().catch(() => {});
  return () => {
    Deno.stdin.setRaw(false);
    reader.cancel().catch(() => {});
  };
}

async function screen({ database }: CommandSession, most: number): Promise<string> {
  const servers = await new ServerStatusTable<ServerStatus>(database).all();
  if (servers.length === 0) return "No server runs.";
  const unwell = servers.flatMap(({ address, health }) =>
    Object.entries(health.parts).filter(([, { isWell, isNeeded }]) => isNeeded && !isWell)
      .map(([name, { reason }]) => `! ${address} ${name}: ${printableLine(reason ?? "", 100)}`)
  );
  const perSecond = servers.flatMap(({ sources }) => sources)
    .reduce((sum, { eventsPerSecond }) => sum + eventsPerSecond, 0);
  // Every server sees the same queue.
  const waiting = Math.max(
    0,
    ...servers.map(({ sources }) => sources.reduce((sum, { waiting }) => sum + (waiting ?? 0), 0)),
  );
  const plugins = joined(servers).toSorted((one, other) =>
    STATES.indexOf(other.state) - STATES.indexOf(one.state) ||
    other.eventsPerSecond - one.eventsPerSecond || one.id - other.id
  );
  return [
    `${servers.length} ${servers.length === 1 ? "server" : "servers"}, ${perSecond.toFixed(1)} ` +
    `events/s, ${waiting} wait, ${plugins.length} plugins (over the last minute)`,
    ...unwell,
    "",
    columns(
      [
        "id",
        "events/s",
        "calls/s",
        "p50 ms",
        "p99 ms",
        "failed",
        "waiting",
        "memory",
        "state",
        "plugin",
      ],
      plugins.slice(0, most).map((plugin) => [
        String(plugin.id),
        plugin.eventsPerSecond.toFixed(1),
        plugin.callsPerSecond.toFixed(1),
        shownMs(plugin.p50Ms),
        shownMs(plugin.p99Ms),
        String(plugin.failed),
        String(plugin.waitingEvents),
        plugin.processes === 0 ? "-" : `${megabytes(plugin.memoryBytes)}/${plugin.processes}`,
        plugin.state,
        plugin.name,
      ]),
    ),
  ].join("\n");
}

function shownMs(ms: number | null): string {
  return ms === null ? "-" : `<${ms}`;
}

/** A plugin is one line, over however many servers and organizations. */
function joined(servers: readonly ServerStatus[]): PluginStatus[] {
  const byId = new Map<number, PluginStatus>();
  for (const plugin of servers.flatMap(({ plugins }) => plugins)) {
    const known = byId.get(plugin.id);
    byId.set(plugin.id, known === undefined ? plugin : join(known, plugin));
  }
  return [...byId.values()];
}

function join(one: PluginStatus, other: PluginStatus): PluginStatus {
  const most = (first: number | null, second: number | null) =>
    first === null ? second : second === null ? first : Math.max(first, second);
  return {
    id: one.id,
    name: one.name,
    state: STATES[Math.max(STATES.indexOf(one.state), STATES.indexOf(other.state))] ?? one.state,
    processes: one.processes + other.processes,
    memoryBytes: one.memoryBytes + other.memoryBytes,
    waitingEvents: one.waitingEvents + other.waitingEvents,
    eventsPerSecond: one.eventsPerSecond + other.eventsPerSecond,
    callsPerSecond: one.callsPerSecond + other.callsPerSecond,
    failed: one.failed + other.failed,
    p50Ms: most(one.p50Ms, other.p50Ms),
    p99Ms: most(one.p99Ms, other.p99Ms),
  };
}
