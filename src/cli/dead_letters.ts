/** `paddock dead-letters`: what could not be stored, why, and another try. */
import type { Command } from "commander";
import { replayDeadLetters, type ReplayReport } from "../dead_letters/replay.ts";
import { PaddockError } from "../errors.ts";
import type { JobSink } from "../jobs/new_job.ts";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import type { Database, Queryable } from "../stores/postgres/database.ts";
import { type DeadLetterFilter, DeadLetters } from "../stores/postgres/dead_letters.ts";
import { columns, printable, printableLine, shownTime } from "./command_output.ts";
import { openCommandQueue } from "./command_queue.ts";
import { type CommandSession, type RunInSession, wholeNumber } from "./command_session.ts";
import { moment } from "./moment.ts";
import { ProgressBar } from "./progress_bar.ts";

interface FilterOptions {
  readonly team?: number;
  readonly step?: string;
  readonly code?: string;
  readonly plugin?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly distinctId?: string;
}

interface ListOptions extends FilterOptions {
  readonly number: number;
  readonly before?: string;
  readonly json?: true;
}

interface ManyOptions extends FilterOptions {
  readonly all?: true;
  readonly json?: true;
}

export function addDeadLetterCommands(program: Command, run: RunInSession): void {
  const letters = program.command("dead-letters")
    .description("messages and events that could not be stored");
  filtered(letters.command("list", { isDefault: true }))
    .description("the newest first, with the reason")
    .option("-n, --number <count>", "how many", wholeNumber("--number", 1), 20)
    .option("--before <id>", "older than this one", checkedId)
    .option("--json", "as JSON")
    .action((options: ListOptions) => run((session) => list(session, options)));
  letters.command("show <id>")
    .description("everything about one of them, its message as it came included")
    .option("--json", "as JSON")
    .action((id: string, options: { json?: true }) =>
      run((session) => show(session, id, options.json === true))
    );
  filtered(letters.command("replay [ids...]"))
    .description("process them once more; safe to break off and to start again")
    .option("--all", "every one")
    .option("--json", "the outcome as JSON")
    .action((ids: string[], options: ManyOptions) =>
      run((session) => replay(session, ids, options))
    );
  filtered(letters.command("purge [ids...]"))
    .description("delete them for good")
    .option("--all", "every one")
    .option("--json", "the outcome as JSON")
    .action((ids: string[], options: ManyOptions) =>
      run((session) => purge(session, ids, options))
    );
}

function filtered(command: Command): Command {
  return command
    .option("--team <id>", "of this team only", wholeNumber("--team", 1))
    .option("--step <name>", "that failed in this step only: receive, decode or write")
    .option("--code <code>", "with this error code only, e.g. PDK_EVENT_INVALID")
    .option("--plugin <name or id>", "about this plugin only")
    .option("--since <time>", "since a date, or for so long: 30m, 12h, 7d", moment("--since"))
    .option("--until <time>", "before a date, or longer ago: 30m, 12h, 7d", moment("--until"))
    .option("--distinct-id <id>", "of this distinct id only");
}

async function list({ database, output }: CommandSession, options: ListOptions): Promise<void> {
  const rows = await new DeadLetters().list(database, await filterOf(database, [], options), {
    limit: options.number,
    ...options.before === undefined ? {} : { before: options.before },
  });
  if (options.json) return output.print(JSON.stringify(rows, null, 2));
  if (rows.length === 0) return output.print("There are no dead letters.");
  output.print(columns(
    ["id", "time (UTC)", "team", "source", "step", "tries", "code", "reason"],
    rows.map((row) => [
      row.id,
      shownTime(row.createdAt),
      row.teamId === null ? "-" : String(row.teamId),
      row.source,
      row.step,
      String(row.attempts),
      row.code,
      row.reason,
    ]),
  ));
}

async function show({ database, output }: CommandSession, id: string, json: boolean) {
  const row = /^\d{1,18}$/.test(id) ? await new DeadLetters().show(database, id) : null;
  if (row === null) throw new PaddockError("PDK_USAGE", `there is no dead letter '${id}'`);
  if (json) return output.print(JSON.stringify(row, null, 2));
  const { payload, ...rest } = row;
  const lines = Object.entries(rest).map(([key, value]) =>
    `${key}: ${value instanceof Date ? value.toISOString() : value ?? "-"}`
  );
  output.print(printable([...lines, "payload:", payload].join("\n")));
}

async function replay(
  session: CommandSession,
  ids: readonly string[],
  options: ManyOptions,
): Promise<void> {
  const { database, output } = session;
  const filter = await manyOf(database, ids, options);
  await using opened = await openCommandQueue(session);
  const { queue, isShared } = opened;
  const jobs = queue === null
    ? null
    : (tx: Queryable): JobSink =>
      isShared ? { enqueue: async (jobs) => void await queue.add(tx, jobs) } : queue;
  const bar = new ProgressBar(output, "dead letters");
  let report: ReplayReport;
  try {
    report = await replayDeadLetters({ database, letters: new DeadLetters(), jobs }, filter, {
      onProgress: ({ replayed, refused, total }) => bar.show(replayed + refused, total),
    });
  } finally {
    bar.end();
  }
  if (options.json) output.print(JSON.stringify(report, null, 2));
  else output.print(`${counted(report.replayed, "dead letter")} put back to be processed.`);
  if (report.refused === 0) return;
  for (const { id, reason } of report.reasons) {
    output.complain(`${id} stays: ${printableLine(reason, 200)}`);
  }
  throw new PaddockError(
    "PDK_REPLAY_REFUSED",
    `${counted(report.refused, "dead letter")} cannot be replayed`,
  );
}

async function purge(
  { database, output }: CommandSession,
  ids: readonly string[],
  options: ManyOptions,
): Promise<void> {
  const filter = await manyOf(database, ids, options);
  const removed = await new DeadLetters().remove(database, filter);
  if (options.json) return output.print(JSON.stringify({ removed }));
  output.print(`${counted(removed, "dead letter")} deleted.`);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Nothing is done to all of them by mistake. */
async function manyOf(
  database: Database,
  ids: readonly string[],
  options: ManyOptions,
): Promise<DeadLetterFilter> {
  const filter = await filterOf(database, ids.map(checkedId), options);
  const isAll = Object.keys(filter).length === 0;
  if (isAll !== (options.all === true)) {
    throw new PaddockError(
      "PDK_USAGE",
      isAll
        ? "name dead letters, choose some with the options, or give --all"
        : "--all means every dead letter: leave it out, or all that chooses among them",
    );
  }
  return filter;
}

async function filterOf(
  database: Database,
  ids: readonly string[],
  { team, step, code, plugin, since, until, distinctId }: FilterOptions,
): Promise<DeadLetterFilter> {
  const installed = new InstalledPlugins(database);
  const pluginId = plugin === undefined ? null : (await installed.find(plugin)).id;
  const configs = pluginId === null ? [] : await installed.configs();
  return {
    ...ids.length > 0 ? { ids } : {},
    ...team === undefined ? {} : { teamId: team },
    ...step === undefined ? {} : { step },
    ...code === undefined ? {} : { code },
    ...pluginId === null ? {} : {
      pluginConfigIds: configs.filter((config) => config.pluginId === pluginId).map(({ id }) => id),
    },
    ...since === undefined ? {} : { since },
    ...until === undefined ? {} : { until },
    ...distinctId === undefined ? {} : { distinctId },
  };
}

function checkedId(text: string): string {
  if (/^\d{1,18}$/.test(text)) return text;
  throw new PaddockError("PDK_USAGE", `there is no dead letter '${text}'`);
}
