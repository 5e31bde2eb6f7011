/** `paddock plugins show`: everything about one plugin. */
import type { Command } from "commander";
import type { JsonObject } from "../events/types.ts";
import { BreakerTable } from "../plugins/breaker/breaker_table.ts";
import { storedRefusals } from "../plugins/egress/egress_refusals.ts";
import { parseNamedGrants, PluginGrants } from "../plugins/grants/plugin_grants.ts";
import { shownConfig } from "../plugins/registry/config_form.ts";
import { stateOf } from "../plugins/registry/plugin_state.ts";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { configFields } from "../plugins/source/manifest.ts";
import { asJson, printableLine } from "./command_output.ts";
import { type CommandSession, JSON_OPTION, type RunInSession } from "./command_session.ts";

export function addPluginShowCommand(plugins: Command, run: RunInSession): void {
  plugins.command("show <plugin>")
    .description(
      "everything about a plugin: its settings for each team, what it may reach, its state",
    )
    .option(...JSON_OPTION)
    .action((plugin: string, options: { json?: true }) =>
      run((session) => show(session, plugin, options.json === true))
    );
}

async function show(session: CommandSession, nameOrId: string, json: boolean): Promise<void> {
  const { config, database, output } = session;
  const installed = new InstalledPlugins(database);
  const plugin = await installed.find(nameOrId);
  const { id, name } = plugin;
  const [configs, breakers, grants, refusals] = await Promise.all([
    installed.configs(),
    new BreakerTable(database).all(),
    new PluginGrants(database).all(),
    storedRefusals(database),
  ]);
  const fields = configFields(plugin.configSchema);
  const own = configs.filter(({ pluginId }) => pluginId === id);
  const states = breakers.filter(({ pluginId }) => pluginId === id);
  const { configSchema: _schema, ...rest } = plugin;
  const shown = {
    ...rest,
    state: stateOf(own, states),
    states,
    granted: [...grants.get(id) ?? []],
    grantedBySetting: [...parseNamedGrants(config.PLUGIN_NET_GRANTS ?? "").get(name ?? "") ?? []],
    refused: refusals.filter(({ pluginId }) => pluginId === id),
    fields: fields.map(({ default: byDefault, ...field }) => ({ ...field, default: byDefault })),
    configs: own.map(({ config, error, ...row }) => ({
      ...row,
      config: shownConfig(fields, config),
      error: error === null ? null : String(error.message),
    })),
  };
  if (json) return output.print(asJson(shown));
  const list = (words: readonly string[]) => words.join(", ") || "-";
  const lines = [
    `${name ?? ""} (plugin ${id})`,
    ...plugin.description ? [`  ${printableLine(plugin.description)}`] : [],
    `  kind: ${plugin.pluginType ?? "-"}${plugin.url === null ? "" : `, ${plugin.url}`}`,
    `  version: ${plugin.tag ?? "-"}`,
    `  state: ${shown.state}`,
    `  exports: ${list(methodsOf(plugin.capabilities))}`,
    `  may reach: ${list([...shown.granted, ...shown.grantedBySetting])}`,
    `  was refused: ${list(shown.refused.map(({ host, count }) => `${host} (${count}×)`))}`,
    `  settings: ${list(fields.map(fieldText))}`,
    ...shown.configs.flatMap((each) => [
      `  team ${each.teamId}: ${each.enabled ? "enabled" : "disabled"}, order ${each.order}, ` +
      `plugin config ${each.id}`,
      ...Object.entries(each.config).map(([key, value]) => `    ${key} = ${valueText(value)}`),
      ...each.attachments.map((key) => `    ${key} = (a file)`),
      ...each.error === null ? [] : [`    last error: ${each.error}`],
    ]),
  ];
  output.print(lines.map((line) => printableLine(line)).join("\n"));
}

function methodsOf(capabilities: unknown): string[] {
  const { methods = [], scheduled_tasks: tasks = [], jobs = [] } =
    (capabilities ?? {}) as JsonObject;
  return [methods, tasks, jobs].flatMap((each) => Array.isArray(each) ? each.map(String) : []);
}

function fieldText(
  { key, type, required, secret }: ReturnType<typeof configFields>[number],
): string {
  const notes = [type, ...required ? ["required"] : [], ...secret ? ["secret"] : []];
  return `${key} (${notes.join(", ")})`;
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
