/** `paddock plugins grant`, `revoke` and `grants`: what plugins may reach. */
import type { Command } from "commander";
import { errorMessage, PaddockError } from "../errors.ts";
import { checkGrant } from "../plugins/grants/grant.ts";
import { parseNamedGrants, PluginGrants } from "../plugins/grants/plugin_grants.ts";
import { storedRefusals } from "../plugins/egress/egress_refusals.ts";
import { type InstalledPlugin, InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { requestedHosts } from "../plugins/source/requested_hosts.ts";
import { asJson, columns, printableLine } from "./command_output.ts";
import { type CommandSession, JSON_OPTION, type RunInSession } from "./command_session.ts";

interface GrantOptions {
  readonly requested?: true;
  readonly json?: true;
}

export function addPluginGrantCommands(plugins: Command, run: RunInSession): void {
  plugins.command("grant <plugin> [hosts...]")
    .description(
      "let a plugin reach hosts: api.example.com:443, *.example.com, 10.0.0.5:8080, or " +
        "'{config.host}' for what a config names; without a port it is every port",
    )
    .option("--requested", "every host that its plugin.json asks for")
    .option(...JSON_OPTION)
    .action((plugin: string, hosts: string[], options: GrantOptions) =>
      run((session) => grant(session, plugin, hosts, options))
    );
  plugins.command("revoke <plugin> <hosts...>")
    .description("take hosts away from a plugin again")
    .option(...JSON_OPTION)
    .action((plugin: string, hosts: string[], options: { json?: true }) =>
      run((session) => revoke(session, plugin, hosts, options.json === true))
    );
  plugins.command("grants [plugin]")
    .description("which hosts plugins ask for, which they may reach, and which they were refused")
    .option(...JSON_OPTION)
    .action((plugin: string | undefined, options: { json?: true }) =>
      run((session) => list(session, plugin, options.json === true))
    );
}

async function grant(
  session: CommandSession,
  nameOrId: string,
  hosts: readonly string[],
  { requested, json }: GrantOptions,
): Promise<void> {
  const { database, output } = session;
  const plugin = await new InstalledPlugins(database).find(nameOrId);
  const asked = requested ? await askedHosts(session, plugin.id) : [];
  if (requested && asked.length === 0 && !json) {
    output.print(`'${printableLine(plugin.name ?? "")}' asks for no host.`);
  }
  const given = [...new Set([...hosts.map(checkTyped), ...asked])];
  if (given.length === 0) {
    if (requested) {
      return json ? output.print(asJson({ pluginId: plugin.id, granted: [] })) : undefined;
    }
    throw new PaddockError("PDK_USAGE", "name a host to grant, or use --requested");
  }
  await new PluginGrants(database).grant(plugin.id, given);
  await session.announcePluginChange();
  if (json) return output.print(asJson({ pluginId: plugin.id, granted: given }));
  output.print(`'${printableLine(plugin.name ?? "")}' may reach ${given.join(", ")}.`);
}

async function revoke(
  session: CommandSession,
  nameOrId: string,
  hosts: readonly string[],
  json: boolean,
): Promise<void> {
  const { config, database, output } = session;
  const plugin = await new InstalledPlugins(database).find(nameOrId);
  const revoked = await new PluginGrants(database).revoke(plugin.id, hosts);
  if (revoked === 0) {
    const bySetting = parseNamedGrants(config.PLUGIN_NET_GRANTS ?? "").get(plugin.name ?? "") ?? [];
    const settled = hosts.some((host) => bySetting.includes(host));
    throw new PaddockError(
      "PDK_USAGE",
      `'${plugin.name}' has no grant for ${hosts.join(", ")}` +
        (settled ? " but by PLUGIN_NET_GRANTS, which is to be changed where it is set" : ""),
    );
  }
  await session.announcePluginChange();
  if (json) return output.print(asJson({ pluginId: plugin.id, revoked }));
  output.print(`'${printableLine(plugin.name ?? "")}': ${revoked} grants taken away.`);
}

async function list(
  session: CommandSession,
  nameOrId: string | undefined,
  json: boolean,
): Promise<void> {
  const { config, database, output } = session;
  const installed = new InstalledPlugins(database);
  const plugins = nameOrId === undefined ? await installed.all() : [await installed.find(nameOrId)];
  const byCommand = await new PluginGrants(database).all();
  const bySetting = parseNamedGrants(config.PLUGIN_NET_GRANTS ?? "");
  const refusals = await storedRefusals(database);
  const rows = await Promise.all(plugins.map(async ({ id, name }) => ({
    id,
    name,
    requested: await askedHosts(session, id).catch((error) => {
      output.complain(printableLine(errorMessage(error)));
      return [];
    }),
    granted: [...byCommand.get(id) ?? []],
    grantedBySetting: [...bySetting.get(name ?? "") ?? []],
    refused: refusals.filter(({ pluginId }) => pluginId === id),
  })));
  if (json) return output.print(asJson(rows));
  if (rows.length === 0) return output.print("No plugin is installed.");
  output.print(columns(
    ["id", "name", "asks for", "may reach", "by PLUGIN_NET_GRANTS", "was refused"],
    rows.map(({ id, name, requested, granted, grantedBySetting, refused }) => [
      String(id),
      name ?? "",
      requested.join(" ") || "-",
      granted.join(" ") || "-",
      grantedBySetting.join(" ") || "-",
      refused.map(({ host, count }) => `${host} (${count}×)`).join(" ") || "-",
    ]),
  ));
}

function askedHosts({ config, database }: CommandSession, id: number): Promise<readonly string[]> {
  return requestedHosts(database, config.BASE_DIR ?? ".", id);
}

/** The words of a bad host are the command's fault, not a plugin's. */
function checkTyped(host: string): string {
  try {
    return checkGrant(host);
  } catch (error) {
    throw new PaddockError("PDK_USAGE", errorMessage(error), { cause: error });
  }
}

/** What it asks for and may not reach yet, for a hint. */
export async function ungranted(
  session: CommandSession,
  plugin: InstalledPlugin,
): Promise<readonly string[]> {
  const asked = await askedHosts(session, plugin.id);
  const granted = new Set([
    ...(await new PluginGrants(session.database).all()).get(plugin.id) ?? [],
    ...parseNamedGrants(session.config.PLUGIN_NET_GRANTS ?? "").get(plugin.name ?? "") ?? [],
  ]);
  return asked.filter((host) => !granted.has(host));
}
