/** Lines of the log about one plugin or one event carry which, and there is one way to say so. */
import assert from "node:assert/strict";
import { configure, getLogger, type LogRecord } from "@logtape/logtape";
import { jsonLine } from "../../src/telemetry/log.ts";
import { aboutEvent, aboutSeveral, aboutTarget } from "../../src/telemetry/about.ts";

const SOURCE = new URL("../../src/", import.meta.url);

async function* sources(folder: URL): AsyncGenerator<{ path: string; text: string }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) yield* sources(url);
    else if (name.endsWith(".ts")) {
      yield { path: url.href.slice(SOURCE.href.length), text: await Deno.readTextFile(url) };
    }
  }
}

/** Of a log line's text: it names one plugin, config or event. */
const NAMES_ONE = /\.(?:info|warn|error|debug)`[^`]*\b(?:plugin|plugin config|event) \$\{/g;

Deno.test("a line that names a plugin, a config or an event carries it", async () => {
  const wrong: string[] = [];
  let lines = 0;
  for await (const { path, text } of sources(SOURCE)) {
    // Commands print for whoever ran them.
    if (path.startsWith("cli/")) continue;
    if (path !== "telemetry/about.ts" && /\.with\(\{[^}]*\b(?:uuid|plugin)\b/.test(text)) {
      wrong.push(`${path}: says so in its own way`);
    }
    for (const { index } of text.matchAll(NAMES_ONE)) {
      lines++;
      const before = text.slice(Math.max(0, index - 200), index);
      const statement = before.slice(before.lastIndexOf(";") + 1);
      const binding = `${statement}${before.split(/\n\s*\n/).at(-1)}`;
      if (!/about(?:Plugin|Target|Event)\(|\.with\(/.test(binding)) {
        wrong.push(`${path}: ${text.slice(index, index + 80)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(lines > 3, "lines were found");
});

/** Where lines are about events or plugins, unless they stand below. */
const ABOUT_SOMEBODY =
  /^(?:pipeline|plugins|jobs|scheduler|actions|dead_letters|events|http\/capture)\//;

/** Begins a warning or an error of a log that was told of nobody. */
const OF_NOBODY = /this\.#log\s*\.(?:warn|error)`((?:[^`$]|\$\{[^}]*\})*)/g;

/** Lines about a part of the server, or about more than is known where they are written. */
const ABOUT_NOBODY: ReadonlySet<string> = new Set([
  "actions/action_catalog.ts: a message on",
  "actions/action_catalog.ts: actions were not",
  "actions/hook_dispatcher.ts: hooks wait: …",
  "jobs/job_runner.ts: jobs stay locked",
  "jobs/job_runner.ts: no jobs are",
  "jobs/job_runner.ts: workers were not",
  "jobs/job_upkeep.ts: … dead jobs",
  "jobs/legacy_jobs.ts: jobs in …",
  "pipeline/consumer.ts: … cannot be",
  "pipeline/deliver.ts: plugins are told",
  "pipeline/pipeline.ts: …: …",
  "plugins/egress/egress_gateway.ts: …; plugins reach",
  "plugins/logs/plugin_log_writer.ts: … lines of",
  "plugins/registry/reloader.ts: plugins were not",
  "plugins/watch/folder_watch.ts: plugins' folders are",
  "scheduler/held_lease.ts: … is left",
  "scheduler/held_lease.ts: … was lost:",
  "scheduler/held_lease.ts: …: …",
  "scheduler/scheduler.ts: runs count as",
  "scheduler/scheduler.ts: scheduled tasks are",
]);

Deno.test("a warning or an error next to events or plugins says which, or is known not to", async () => {
  const found = new Set<string>();
  for await (const { path, text } of sources(SOURCE)) {
    if (!ABOUT_SOMEBODY.test(path)) continue;
    for (const [, line = ""] of text.matchAll(OF_NOBODY)) {
      const words = line.replace(/\$\{[^}]*\}?/g, "…").split(" ").slice(0, 3).join(" ");
      found.add(`${path}: ${words}`);
    }
  }
  assert.deepEqual([...found].toSorted(), [...ABOUT_NOBODY].toSorted());
});

/** Everything that is logged from here on. */
async function keptRecords(): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { kept: (record) => records.push(record) },
    loggers: [
      { category: "paddock", lowestLevel: "debug", sinks: ["kept"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
  return records;
}

Deno.test("a line about several names each once, of many the first twenty, and what is not known not", async () => {
  const records = await keptRecords();
  const log = getLogger(["paddock", "plugins"]);
  const events = Array.from(
    { length: 50 },
    (_, index) => ({ uuid: `u${index}`, teamId: index % 2 }),
  );
  aboutSeveral(log, events).warn`they wait`;
  aboutSeveral(log, [{ configId: 3, plugin: "GeoIP" }, { configId: 4, uuid: null }])
    .warn`so do they`;
  assert.deepEqual(records.map(({ properties }) => properties), [
    { uuids: events.slice(0, 20).map(({ uuid }) => uuid), teams: [0, 1] },
    { plugins: ["GeoIP"], configs: [3, 4] },
  ]);
});

Deno.test("plugin, id, config and team stand in a line of JSON, and so do uuid and team", async () => {
  const records = await keptRecords();
  const log = getLogger(["paddock", "plugins"]);
  aboutTarget(log, { configId: 3, teamId: 2, spec: { id: 1, name: "GeoIP" } }).info`it waits`;
  aboutEvent(log, { uuid: "u", teamId: null }).warn`it is refused`;
  const [plugin, event] = records.map((record) => JSON.parse(jsonLine(record)));
  assert.deepEqual(
    [plugin.plugin, plugin.plugin_id, plugin.config, plugin.team, plugin.message],
    ["GeoIP", 1, 3, 2, "it waits"],
  );
  assert.deepEqual([event.uuid, event.team], ["u", null]);
});
