/** Lines of the log about one plugin or one event carry which, and there is one way to say so. */
import assert from "node:assert/strict";
import { configure, getLogger, type LogRecord } from "@logtape/logtape";
import { jsonLine } from "../../src/telemetry/log.ts";
import { aboutEvent, aboutTarget } from "../../src/telemetry/about.ts";

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

Deno.test("plugin, id, config and team stand in a line of JSON, and so do uuid and team", async () => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { kept: (record) => records.push(record) },
    loggers: [
      { category: "paddock", lowestLevel: "debug", sinks: ["kept"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
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
