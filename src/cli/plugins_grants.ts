/** `paddock plugins grant`, `revoke` and `grants`: what plugins may reach. */
import type { Command } from "commander";
import { errorMessage, PaddockError } from "../errors.ts";
import { checkGrant } from "../plugins/grants/grant.ts";
import { parseNamedGrants, PluginGrants } from "../plugins/grants/plugin_grants.ts";
import { storedRefusals } from "../plugins/egress/egress_refusals.ts";
import { type InstalledPlugin, InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { BuildProcess } from "../plugins/source/build_process.ts";
import { type PluginSourceRow, readSource } from "../plugins/source/plugin_source.ts";
import type { Database } from "../stores/postgres/database.ts";
import { columns, printableLine } from "./command_output.ts";
import type { CommandSession, RunInSession } from "./command_session.ts";

export function addPluginGrantCommands(plugins: Command, run: RunInSession): void {
  plugins.command("grant <plugin> [hosts...]")
    .description(
      "let a plugin reach hosts: api.example.com:443, *.example.com, 10.0.0.5:8080, or " +
        "'{config.host}' for what a config names; without a port it is every port",
    )
    .option("--requested", "every host that its plugin.json asks for")
    .action((plugin: string, hosts: string[], options: { requested?: true }) =>
      run((session) => grant(session, plugin, hosts, options.requested === true))
    );
  plugins.command("revoke <plugin> <hosts...>")
    .description("take hosts away from a plugin again")
    .action((plugin: string, hosts: string[]) => run((session) => revoke(session, plugin, hosts)));
  plugins.command("grants [plugin]")
    .description("which hosts plugins ask for, which they may reach, and which they were refused")
    .option("--json", "as JSON")
    .action((plugin: string | undefined, options: { json?: true }) =>
      run((session) => list(session, plugin, options.json === true))
    );
}

async function grant(
  session: CommandSession,
  nameOrId: string,
  hosts: readonly string[],
  requested: boolean,
): Promise<void> {
  const { database, output } = session;
  const plugin = await new InstalledPlugins(database).find(nameOrId);
  const asked = requested ? await requestedHosts(session, plugin.id) : [];
  if (requested && asked.length === 0) {
    output.print(`'${printableLine(plugin.name ?? "")}' asks for no host.`);
  }
  const given = [...new Set([...hosts.map(checkTyped), ...asked])];
  if (given.length === 0) {
    if (requested) return;
    throw new PaddockError("PDK_USAGE", "name a host to grant, or use --requested");
  }
  await new PluginGrants(database).grant(plugin.id, given);
  output.print(`'${printableLine(plugin.name ?? "")}' may reach ${given.join(", ")}.`);
  await session.announcePluginChange();
}

async function revoke(
  session: CommandSession,
  nameOrId: string,
  hosts: readonly string[],
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
  output.print(`'${printableLine(plugin.name ?? "")}': ${revoked} grants taken away.`);
  await session.announcePluginChange();
}

async function list(
  session: CommandSession,
  nameOrId: string | undefined,
  asJson: boolean,
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
    requested: await requestedHosts(session, id).catch((error) => {
      output.complain(printableLine(errorMessage(error)));
      return [];
    }),
    granted: [...byCommand.get(id) ?? []],
    grantedBySetting: [...bySetting.get(name ?? "") ?? []],
    refused: refusals.filter(({ pluginId }) => pluginId === id),
  })));
  if (asJson) return output.print(JSON.stringify(rows, null, 2));
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

/**
 * Hosts that an installed plugin's manifest asks for.
 * @throws PaddockError where its code cannot be loaded
 */
export async function requestedHosts(
  { config, database }: CommandSession,
  pluginId: number,
): Promise<readonly string[]> {
  const row = await sourceRow(database, pluginId);
  await using builder = new BuildProcess();
  return (await builder.build(await readSource(row, config.BASE_DIR ?? "."))).manifest.net;
}

async function sourceRow(database: Database, id: number): Promise<PluginSourceRow> {
  const [row] = await database.query<PluginSourceRow>(
    `SELECT id, name, organization_id AS "organizationId", is_global AS "isGlobal",
       plugin_type AS "pluginType", url, archive, source
     FROM posthog_plugin WHERE id = $1`,
    [id],
  );
  return row as PluginSourceRow;
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
  const asked = await requestedHosts(session, plugin.id);
  const granted = new Set([
    ...(await new PluginGrants(session.database).all()).get(plugin.id) ?? [],
    ...parseNamedGrants(session.config.PLUGIN_NET_GRANTS ?? "").get(plugin.name ?? "") ?? [],
  ]);
  return asked.filter((host) => !granted.has(host));
}
