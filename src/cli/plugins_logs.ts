/** `paddock plugins logs`: what plugins print, and what the server says of them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { lastLines, linesSince, type StoredLine } from "../plugins/logs/stored_log.ts";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { printable, printableLine, shownTime } from "./command_output.ts";
import { type CommandSession, type RunInSession, wholeNumber } from "./command_session.ts";

interface LogOptions {
  readonly number: number;
  readonly follow?: true;
  readonly json?: true;
}

const POLL_MS = 500;

/** Lines are written a second after they were made, by several servers with clocks of their own. */
const LATE_MS = 30_000;

export function addPluginLogCommands(plugins: Command, run: RunInSession): void {
  plugins.command("logs [plugin]")
    .description("the last lines of plugins' logs, the newest at the end")
    .option("-n, --number <count>", "how many", wholeNumber("--number", 1), 20)
    .option("-f, --follow", "go on with every new line, until interrupted")
    .option("--json", "as JSON; with --follow one line of JSON each")
    .action((plugin: string | undefined, options: LogOptions) =>
      run((session) => logs(session, plugin, options))
    );
}

async function logs(
  session: CommandSession,
  nameOrId: string | undefined,
  options: LogOptions,
): Promise<void> {
  const { database, output } = session;
  const plugin = nameOrId === undefined
    ? null
    : await new InstalledPlugins(database).find(nameOrId);
  const rows = await lastLines(database, plugin?.id ?? null, options.number);
  if (options.follow) return await follow(session, rows, plugin?.id ?? null, options.json === true);
  if (options.json) return output.print(JSON.stringify(rows, null, 2));
  if (rows.length === 0) return output.print("No plugin has written a line yet.");
  output.print(rows.map(shown).join("\n"));
}

async function follow(
  { database, output }: CommandSession,
  first: readonly StoredLine[],
  pluginId: number | null,
  asJson: boolean,
): Promise<void> {
  const print = (row: StoredLine) => output.print(asJson ? JSON.stringify(row) : shown(row));
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener("SIGTERM", interrupt);
  try {
    first.forEach(print);
    // Older lines that arrive late are new too, so the span is read again and again.
    let seen = new Map(first.map(({ id, timestamp }) => [id, timestamp.getTime()]));
    let newest = Math.max(...seen.values(), await databaseTime(database) - LATE_MS);
    const oldestShown = Math.min(...seen.values(), newest);
    while (!interrupted.signal.aborted) {
      const from = Math.max(newest - LATE_MS, oldestShown);
      const rows = await linesSince(database, pluginId, new Date(from));
      for (const row of rows) {
        if (!seen.has(row.id)) print(row);
        seen.set(row.id, row.timestamp.getTime());
        newest = Math.max(newest, row.timestamp.getTime());
      }
      seen = new Map([...seen].filter(([, time]) => time >= newest - LATE_MS));
      await sleep(POLL_MS, undefined, { signal: interrupted.signal }).catch(() => {});
    }
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    Deno.removeSignalListener("SIGTERM", interrupt);
  }
}

async function databaseTime(database: CommandSession["database"]): Promise<number> {
  const [row] = await database.query<{ now: Date }>("SELECT now() AS now");
  return (row as { now: Date }).now.getTime();
}

/** Lines of a message that has several are indented, so that none looks like an entry. */
function shown({ timestamp, plugin, pluginConfigId, source, type, message }: StoredLine): string {
  const head = `${shownTime(timestamp)}  ${type.padEnd(5)} ${
    printableLine(`${plugin ?? ""} (${pluginConfigId})`)
  }`;
  const said = printable(message).replaceAll("\n", "\n    ");
  return `${head}  ${source === "CONSOLE" ? "" : `[${source.toLowerCase()}] `}${said}`;
}
