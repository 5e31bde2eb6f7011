/** `paddock plugins enable` and `disable`. */
import { basename } from "node:path";
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import type { JsonObject } from "../events/types.ts";
import { type InstalledPlugin, InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { type ConfigField, configFields } from "../plugins/source/manifest.ts";
import type { PluginAttachment } from "../plugins/types.ts";
import { printableLine } from "./command_output.ts";
import { type CommandSession, type RunInSession, wholeNumber } from "./command_session.ts";
import { quoted } from "./plugins_install.ts";
import { ungranted } from "./plugins_grants.ts";
import { chooseTeam, type CommandTeam } from "./teams.ts";

interface EnableOptions {
  readonly team?: number;
  readonly order?: number;
  readonly config: readonly string[];
}

/** A file that is put into a config; Postgres and the fence both carry it whole. */
const MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024;

export function addPluginConfigCommands(plugins: Command, run: RunInSession): void {
  plugins.command("enable <plugin>")
    .description("run a plugin on a team's events")
    .option("--team <id>", "for this team; else for the first", wholeNumber("--team", 1))
    .option(
      "--config <key=value...>",
      "its settings; @file for one that is a file; fields without a value get their default",
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option("--order <number>", "its place among the team's plugins", wholeNumber("--order", 0))
    .action((plugin: string, options: EnableOptions) =>
      run((session) => enable(session, plugin, options))
    );
  plugins.command("disable <plugin>")
    .description("stop running a plugin; its settings and what it stored are kept")
    .option("--team <id>", "for this team; else for all", wholeNumber("--team", 1))
    .action((plugin: string, options: { team?: number }) =>
      run((session) => disable(session, plugin, options.team))
    );
}

async function enable(
  session: CommandSession,
  nameOrId: string,
  options: EnableOptions,
): Promise<void> {
  const { database, output } = session;
  const installed = new InstalledPlugins(database);
  const plugin = await installed.find(nameOrId);
  const team = await chooseTeam(database, options.team);
  checkAccess(plugin, team);
  const before = (await installed.configs()).find((config) =>
    config.pluginId === plugin.id && config.teamId === team.id
  );
  const fields = configFields(plugin.configSchema);
  const given = splitPairs(options.config, fields, plugin);
  const attachments = await readAttachments(given, fields);
  const config = valuesOf(given, fields, before?.config ?? {});
  const missing = fields.filter(({ key, required, type }) =>
    required &&
    (type === "attachment"
      ? !(key in attachments) && !before?.attachments.includes(key)
      : config[key] === undefined || config[key] === null || config[key] === "")
  );
  if (missing.length > 0) {
    const pairs = missing.map(({ key, type }) =>
      `--config ${quoted(`${key}=${type === "attachment" ? "@<file>" : "<value>"}`)}`
    );
    throw new PaddockError("PDK_USAGE", `'${plugin.name}' needs ${pairs.join(" ")}`);
  }
  const { order } = options;
  const change = { pluginId: plugin.id, teamId: team.id, order, config, attachments };
  const id = await installed.enable(change);
  output.print(
    `Enabled '${printableLine(plugin.name ?? "")}' for team ${team.id} (${
      printableLine(team.name)
    }), plugin config ${id}.`,
  );
  const closed = await ungranted(session, plugin);
  if (closed.length > 0) {
    output.print(
      `It asks to reach ${closed.join(", ")}, and cannot before you allow it: ` +
        `paddock plugins grant ${plugin.id} ${closed.map(quoted).join(" ")}`,
    );
  }
  await session.announcePluginChange();
}

async function disable(
  session: CommandSession,
  nameOrId: string,
  teamId: number | undefined,
): Promise<void> {
  const { database, output } = session;
  const installed = new InstalledPlugins(database);
  const plugin = await installed.find(nameOrId);
  const team = teamId === undefined ? null : await chooseTeam(database, teamId);
  const disabled = await installed.disable(plugin.id, team?.id ?? null);
  const name = printableLine(plugin.name ?? "");
  output.print(
    disabled === 0
      ? `'${name}' was not enabled.`
      : `Disabled '${name}' for ${disabled === 1 ? "one team" : `${disabled} teams`}.`,
  );
  await session.announcePluginChange();
}

/** A config that the server would never pick up is refused instead of being written. */
function checkAccess(plugin: InstalledPlugin, team: CommandTeam): void {
  if (!plugin.isGlobal && plugin.organizationId !== team.organizationId) {
    throw new PaddockError(
      "PDK_USAGE",
      `'${plugin.name}' belongs to another organization than team ${team.id} (${team.name})`,
    );
  }
  if (team.pluginsAccessLevel === 0) {
    throw new PaddockError(
      "PDK_USAGE",
      `the organization '${team.organization}' may not use plugins (its plugins_access_level is 0)`,
    );
  }
}

/** `key=value` words by key. */
function splitPairs(
  pairs: readonly string[],
  fields: readonly ConfigField[],
  plugin: InstalledPlugin,
): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new PaddockError("PDK_USAGE", `--config '${pair}' is not key=value`);
    const key = pair.slice(0, equals);
    if (!fields.some((field) => field.key === key)) {
      const known = fields.map((field) => field.key).join(", ") || "none";
      throw new PaddockError(
        "PDK_USAGE",
        `'${plugin.name}' has no setting '${key}', but: ${known}`,
      );
    }
    given.set(key, pair.slice(equals + 1));
  }
  return given;
}

async function readAttachments(
  given: ReadonlyMap<string, string>,
  fields: readonly ConfigField[],
): Promise<Record<string, PluginAttachment>> {
  const attachments: Record<string, PluginAttachment> = {};
  for (const { key, type } of fields) {
    const value = type === "attachment" ? given.get(key) : undefined;
    if (value === undefined) continue;
    if (!value.startsWith("@")) {
      throw new PaddockError("PDK_USAGE", `'${key}' is a file: --config ${key}=@path`);
    }
    const path = value.slice(1);
    const contents = await Deno.readFile(path).catch(() => {
      throw new PaddockError("PDK_USAGE", `'${key}': the file '${path}' cannot be read`);
    });
    if (contents.byteLength > MAX_ATTACHMENT_BYTES) {
      throw new PaddockError(
        "PDK_USAGE",
        `'${key}': '${path}' has over ${MAX_ATTACHMENT_BYTES} bytes`,
      );
    }
    const contentType = path.endsWith(".json") ? "application/json" : "application/octet-stream";
    attachments[key] = { contentType, fileName: basename(path), contents };
  }
  return attachments;
}

/** What was there, what is given now, and the defaults of fields that have neither. */
function valuesOf(
  given: ReadonlyMap<string, string>,
  fields: readonly ConfigField[],
  before: JsonObject,
): JsonObject {
  const config: JsonObject = { ...before };
  for (const { key, type, default: byDefault, choices } of fields) {
    if (type === "attachment") continue;
    const value = given.get(key);
    if (value === undefined) {
      if (!Object.hasOwn(config, key) && byDefault !== undefined) config[key] = byDefault;
      continue;
    }
    if (type === "choice" && choices !== null && !choices.includes(value)) {
      throw new PaddockError(
        "PDK_USAGE",
        `'${key}' is one of ${choices.join(", ")}, not '${value}'`,
      );
    }
    config[key] = type === "json" ? parsedJson(key, value) : value;
  }
  return config;
}

function parsedJson(key: string, value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new PaddockError("PDK_USAGE", `'${key}' is not JSON`);
  }
}
