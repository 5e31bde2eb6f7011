/** What a person changes about plugins. */
import { Buffer } from "node:buffer";
import { Hono } from "hono";
import * as v from "valibot";
import { errorMessage, PaddockError } from "../../errors.ts";
import { BreakerTable } from "../../plugins/breaker/breaker_table.ts";
import { checkGrant } from "../../plugins/grants/grant.ts";
import { PluginGrants } from "../../plugins/grants/plugin_grants.ts";
import { checkForm } from "../../plugins/registry/config_form.ts";
import { hostProblems } from "../../plugins/registry/config_hosts.ts";
import { InstalledPlugins } from "../../plugins/registry/installed_plugins.ts";
import { checkTeamAccess } from "../../plugins/registry/team_access.ts";
import { isDownload } from "../../plugins/source/download.ts";
import { configFields } from "../../plugins/source/manifest.ts";
import {
  type PluginToInstall,
  readArchive,
  readPlugin,
} from "../../plugins/source/plugin_to_install.ts";
import type { PluginAttachment } from "../../plugins/types.ts";
import { allTeams, type ListedTeam } from "../../stores/postgres/all_teams.ts";
import type { ConsoleEnv } from "../console_env.ts";
import type { ConsoleParts } from "../console_parts.ts";
import { body, pathId, rowId } from "./input.ts";

const FILE = v.object({ name: v.string(), contentType: v.string(), base64: v.string() });

const INSTALL = v.union([
  v.object({ teamId: rowId, file: FILE }),
  v.object({ teamId: rowId, source: v.string() }),
]);

const CONFIG = v.object({
  teamId: rowId,
  values: v.record(v.string(), v.string()),
  files: v.record(v.string(), FILE),
});

export function pluginChangeRoutes(parts: ConsoleParts): Hono<ConsoleEnv> {
  const { config, database } = parts;
  const installed = new InstalledPlugins(database);
  const grants = new PluginGrants(database);
  const app = new Hono<ConsoleEnv>();

  app.post("/plugins", async (c) => {
    const wanted = await body(c, INSTALL);
    const team = await teamOf(parts, wanted.teamId);
    const { manifest, place } = await read(parts, wanted);
    const made = await installed.install(team.organizationId, manifest, place);
    await parts.announcePluginChange();
    return c.json(made);
  });

  app.delete("/plugins/:id", async (c) => {
    const { id } = await installed.find(String(pathId(c)));
    await installed.uninstall(id);
    await parts.announcePluginChange();
    return c.json({});
  });

  app.post("/plugins/:id/upgrade", async (c) => {
    const plugin = await installed.find(String(pathId(c)));
    if (plugin.pluginType !== "repository" || plugin.url === null || !isDownload(plugin.url)) {
      throw new PaddockError("PDK_USAGE", `'${plugin.name}' was not downloaded`);
    }
    const { manifest, place } = await readPlugin(plugin.url, originsOf(parts));
    await installed.upgrade(plugin, manifest, place);
    await parts.announcePluginChange();
    return c.json({ tag: place.type === "repository" ? place.tag : null });
  });

  app.put("/plugins/:id/config", async (c) => {
    const plugin = await installed.find(String(pathId(c)));
    const { teamId, values, files } = await body(c, CONFIG);
    checkTeamAccess(plugin, await teamOf(parts, teamId));
    const before = (await installed.configs()).find((each) =>
      each.pluginId === plugin.id && each.teamId === teamId
    );
    const attachments = Object.entries(files).map(([key, file]): [string, PluginAttachment] => [
      key,
      { contentType: file.contentType, fileName: file.name, contents: bytesOf(file.base64) },
    ]);
    const fields = configFields(plugin.configSchema);
    const form = checkForm(
      fields,
      { values: new Map(Object.entries(values)), files: new Map(attachments) },
      before ?? { config: {}, attachments: [] },
    );
    const origins = {
      database,
      baseDir: config.BASE_DIR ?? ".",
      namedGrants: config.PLUGIN_NET_GRANTS ?? "",
    };
    const problems = [
      ...form.problems,
      ...await hostProblems(origins, plugin, fields, form.config),
    ];
    if (problems.length > 0) {
      const error = problems.map(({ message }) => message).join("; ");
      return c.json({ error, problems }, 400);
    }
    const configId = await installed.enable({
      pluginId: plugin.id,
      teamId,
      order: undefined,
      config: form.config,
      attachments: Object.fromEntries(attachments),
    });
    await parts.announcePluginChange();
    return c.json({ configId });
  });

  app.post("/plugins/:id/disable", async (c) => {
    const { teamId } = await body(c, v.object({ teamId: rowId }));
    const disabled = await installed.disable(pathId(c), teamId);
    await parts.announcePluginChange();
    return c.json({ disabled });
  });

  app.post("/plugins/:id/reset", async (c) => {
    const reset = await new BreakerTable(database).reset(pathId(c));
    await parts.announcePluginChange();
    return c.json({ reset });
  });

  app.post("/plugins/:id/grants", async (c) => {
    const { id } = await installed.find(String(pathId(c)));
    const { host } = await body(c, v.object({ host: v.string() }));
    await grants.grant(id, [checkTyped(host)]);
    await parts.announcePluginChange();
    return c.json({});
  });

  app.delete("/plugins/:id/grants", async (c) => {
    const { host } = await body(c, v.object({ host: v.string() }));
    const revoked = await grants.revoke(pathId(c), [host]);
    await parts.announcePluginChange();
    return c.json({ revoked });
  });

  app.put("/order", async (c) => {
    const schema = v.object({ teamId: rowId, pluginIds: v.array(rowId) });
    const { teamId, pluginIds } = await body(c, schema);
    await installed.reorder(teamId, pluginIds);
    await parts.announcePluginChange();
    return c.json({});
  });

  return app;

  function originsOf({ config: { BASE_DIR } }: ConsoleParts) {
    return { baseDir: BASE_DIR ?? ".", npmRegistry: config.NPM_CONFIG_REGISTRY ?? "" };
  }

  async function read(
    parts: ConsoleParts,
    wanted: v.InferOutput<typeof INSTALL>,
  ): Promise<PluginToInstall> {
    if ("file" in wanted) return await readArchive(wanted.file.name, bytesOf(wanted.file.base64));
    // Files of the server's machine are for those who have a shell on it.
    if (!isDownload(wanted.source)) {
      throw new PaddockError(
        "PDK_USAGE",
        "give npm:package, the page of a repository, or the address of a zip or tgz",
      );
    }
    return await readPlugin(wanted.source, originsOf(parts));
  }
}

async function teamOf({ database }: ConsoleParts, id: number): Promise<ListedTeam> {
  const team = (await allTeams(database)).find((each) => each.id === id);
  if (team === undefined) throw new PaddockError("PDK_USAGE", `there is no team ${id}`);
  return team;
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** The words of a bad host are the person's fault, not a plugin's. */
function checkTyped(host: string): string {
  try {
    return checkGrant(host);
  } catch (error) {
    throw new PaddockError("PDK_USAGE", errorMessage(error), { cause: error });
  }
}
