/** `paddock plugins test` and `run`: a plugin in the real fence, without a server or a database. */
import type { Command } from "commander";
import { type Config, type Environment, loadConfig } from "../config/config.ts";
import { errorMessage, PaddockError } from "../errors.ts";
import { isObject } from "../events/person_properties.ts";
import type { JsonObject } from "../events/types.ts";
import { BuildProcess } from "../plugins/source/build_process.ts";
import { readFolder } from "../plugins/source/local_folder.ts";
import { type LoadedSource, rawSource } from "../plugins/source/plugin_source.ts";
import { changes } from "../plugins/trial/difference.ts";
import { type Fixture, parseFixture } from "../plugins/trial/fixture.ts";
import type { TrialReport } from "../plugins/trial/report.ts";
import { failuresOf } from "../plugins/trial/verdict.ts";
import { runTrial } from "../server_trial.ts";
import { configureLogging } from "../telemetry/log.ts";
import { asJson, type CommandOutput, printable } from "./command_output.ts";
import { JSON_OPTION } from "./command_session.ts";

const FIXTURES = "fixtures";

interface TestOptions {
  readonly only?: string;
  readonly json?: true;
}

interface RunOptions {
  readonly event: string;
  readonly config: readonly string[];
  readonly json?: true;
}

export function addPluginTrialCommands(
  plugins: Command,
  environment: Environment,
  output: CommandOutput,
): void {
  plugins.command("test <folder>")
    .description(
      "send the events of fixtures/*.json through a plugin in the fence, and say where it does " +
        "not do what they expect",
    )
    .option("--only <text>", "only fixtures with this in their name")
    .option(...JSON_OPTION)
    .action((folder: string, options: TestOptions) => test(folder, options, environment, output));
  plugins.command("run <folder>")
    .description("send one event through a plugin in the fence, and show what it changes")
    .requiredOption("--event <json>", "the event as JSON, or @file for one that is in a file")
    .option(
      "--config <key=value...>",
      "values of the plugin's config",
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option(...JSON_OPTION)
    .action((folder: string, options: RunOptions) => runOne(folder, options, environment, output));
}

async function test(
  folder: string,
  { only = "", json }: TestOptions,
  environment: Environment,
  output: CommandOutput,
): Promise<void> {
  const names = (await fixtureNames(folder)).filter((name) => name.includes(only));
  if (names.length === 0) {
    throw new PaddockError(
      "PDK_USAGE",
      `there is no ${FIXTURES}/*${only === "" ? "" : `${only}*`}.json in ${folder}`,
    );
  }
  const { config, name, source } = await open(folder, environment);
  const results: { fixture: string; failures: readonly string[] }[] = [];
  for (const file of names) {
    const path = `${folder}/${FIXTURES}/${file}`;
    const fixture = parseFixture(await Deno.readTextFile(path), path);
    hideSecrets(output, source, fixture.config);
    const began = performance.now();
    const found = failuresOf(fixture.expect, await runTrial(config, name, source, fixture));
    results.push({ fixture: file, failures: found });
    if (json) continue;
    const took = `(${Math.round(performance.now() - began)} ms)`;
    output.print(`${found.length === 0 ? "ok    " : "FAILED"} ${file} ${took}`);
    for (const line of found) output.print(`       ${printable(line)}`);
  }
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  output.print(
    json ? asJson(results) : `${names.length - failed} passed, ${failed} failed`,
  );
  if (failed > 0) {
    throw new PaddockError("PDK_FIXTURE_FAILED", `${failed} of ${names.length} fixtures failed`);
  }
}

async function runOne(
  folder: string,
  options: RunOptions,
  environment: Environment,
  output: CommandOutput,
): Promise<void> {
  const event = await readEvent(options.event);
  const { config, name, source } = await open(folder, environment);
  hideSecrets(output, source, pairsOf(options.config));
  const fixture: Fixture = {
    config: pairsOf(options.config),
    attachments: {},
    cache: {},
    storage: {},
    responses: null,
    events: [event],
    calls: [],
    waitMs: 0,
    expect: {},
  };
  const report = await runTrial(config, name, source, fixture);
  if (options.json) output.print(asJson(report));
  else for (const line of shown(event, report)) output.print(printable(line));
  if (report.errors.length > 0) {
    throw new PaddockError("PDK_PLUGIN_FAILED", `'${name}' failed ${report.errors.length} times`);
  }
}

/** What is entered into a `secret` field is not shown, whatever the plugin does with it. */
function hideSecrets(output: CommandOutput, { manifest }: LoadedSource, config: JsonObject): void {
  const values = manifest.fields.filter(({ secret }) => secret).map(({ key }) => config[key]);
  output.hide?.(values.filter((value) => typeof value === "string"));
}

/** What an event met, for a person to read. */
function shown(event: JsonObject, report: TrialReport): string[] {
  const [after] = report.events;
  const named = Object.fromEntries(
    Object.entries(after ?? {}).filter(([key, value]) =>
      key in event || !ENVELOPE.has(key) && !(key === "properties" && isEmpty(value))
    ),
  );
  const changed = after === null ? ["- the event is dropped"] : changes(event, named);
  const others = ["logs", "errors", "refused", "captured", "jobs", "requests"] as const;
  return [
    ...(changed.length === 0 ? ["The event is left as it was."] : changed),
    ...others.flatMap((part) =>
      report[part].map((each) =>
        `${part}: ${typeof each === "string" ? each : JSON.stringify(each)}`
      )
    ),
    ...(["cache", "storage", "metrics"] as const).flatMap((part) =>
      Object.entries(report[part]).map(([key, value]) =>
        `${part}: ${key} = ${JSON.stringify(value)}`
      )
    ),
  ];
}

/** What the trial fills in where the event does not say it. */
const ENVELOPE: ReadonlySet<string> = new Set([
  "uuid",
  "event",
  "distinct_id",
  "team_id",
  "ip",
  "site_url",
  "now",
  "sent_at",
]);

function isEmpty(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

/** Builds the plugin as the server would. */
async function open(
  folder: string,
  environment: Environment,
): Promise<{ readonly config: Config; readonly name: string; readonly source: LoadedSource }> {
  const config = loadConfig(environment);
  const level = config.explicit.has("LOG_LEVEL") ? config.LOG_LEVEL : "warn";
  await configureLogging({ level, format: config.LOG_FORMAT });
  await using builder = new BuildProcess();
  const source = await builder.build(rawSource(folder, await readFolder(folder, folder)));
  return { config, name: source.manifest.name?.trim() || folder, source };
}

async function fixtureNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(`${folder}/${FIXTURES}`)) {
      if (isFile && name.endsWith(".json")) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.toSorted();
}

async function readEvent(given: string): Promise<JsonObject> {
  let event: unknown;
  try {
    event = JSON.parse(given.startsWith("@") ? await Deno.readTextFile(given.slice(1)) : given);
  } catch (error) {
    throw new PaddockError("PDK_USAGE", `--event: ${errorMessage(error)}`);
  }
  if (!isObject(event)) throw new PaddockError("PDK_USAGE", "--event is not a JSON object");
  return event;
}

function pairsOf(pairs: readonly string[]): JsonObject {
  return Object.fromEntries(pairs.map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw new PaddockError("PDK_USAGE", `--config: '${pair}' is not key=value`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}
