/** Plugins as they are: their chain, settings, state, speed, log and what they did lately. */
import { Hono } from "hono";
import type { ConfigField } from "../../plugins/source/manifest.ts";
import { BreakerTable } from "../../plugins/breaker/breaker_table.ts";
import { storedRefusals } from "../../plugins/egress/egress_refusals.ts";
import { parseNamedGrants, PluginGrants } from "../../plugins/grants/plugin_grants.ts";
import { lastLines } from "../../plugins/logs/stored_log.ts";
import { shownConfig } from "../../plugins/registry/config_form.ts";
import {
  type InstalledConfig,
  type InstalledPlugin,
  InstalledPlugins,
} from "../../plugins/registry/installed_plugins.ts";
import { stateOf } from "../../plugins/registry/plugin_state.ts";
import { configFields } from "../../plugins/source/manifest.ts";
import { requestedHosts } from "../../plugins/source/requested_hosts.ts";
import { errorMessage } from "../../errors.ts";
import { changes } from "../../plugins/trial/difference.ts";
import type { ConsoleEnv } from "../console_env.ts";
import type { ConsoleParts } from "../console_parts.ts";
import { neededQueryId, pathId } from "./input.ts";

const LOG_LINES = 200;

export function pluginRoutes(parts: ConsoleParts): Hono<ConsoleEnv> {
  const { config, database } = parts;
  const installed = new InstalledPlugins(database);
  const breakers = new BreakerTable(database);
  const app = new Hono<ConsoleEnv>();

  app.get("/plugins", async (c) => {
    const teamId = neededQueryId(c, "team");
    const [plugins, configs, states] = await Promise.all([
      installed.all(),
      installed.configs(),
      breakers.all(),
    ]);
    const rows = await Promise.all(plugins.map(async (plugin) => {
      const all = configs.filter(({ pluginId }) => pluginId === plugin.id);
      const own = all.find((each) => each.teamId === teamId);
      const { configSchema: _schema, capabilities: _capabilities, ...row } = plugin;
      return {
        ...row,
        state: stateOf(
          own === undefined ? [] : [own],
          states.filter(({ pluginId }) => pluginId === plugin.id),
        ),
        order: own?.order ?? null,
        enabled: own?.enabled ?? false,
        otherTeams: all.filter((each) => each.enabled && each.teamId !== teamId).length,
        activity: own === undefined ? null : counts(parts, own.id),
        speed: parts.speed(plugin.id),
        memoryBytes: await parts.memoryOf(plugin.id),
      };
    }));
    // The chain as events go through it, and behind it what is not in it.
    return c.json(rows.toSorted((one, other) =>
      Number(other.enabled) - Number(one.enabled) ||
      (one.order ?? Infinity) - (other.order ?? Infinity) || one.id - other.id
    ));
  });

  app.get("/plugins/:id", async (c) => {
    const plugin = await installed.find(String(pathId(c)));
    const teamId = neededQueryId(c, "team");
    const [configs, states, grants, refusals] = await Promise.all([
      installed.configs(),
      breakers.all(),
      new PluginGrants(database).all(),
      storedRefusals(database),
    ]);
    const own = configs.find((each) => each.pluginId === plugin.id && each.teamId === teamId);
    const fields = configFields(plugin.configSchema);
    return c.json({
      ...withoutSchema(plugin),
      fields: fields.map((field) => ({ ...field, hint: hintOf(plugin, field) })),
      state: stateOf(
        own === undefined ? [] : [own],
        states.filter(({ pluginId }) => pluginId === plugin.id),
      ),
      isBroken: states.some(({ pluginId }) => pluginId === plugin.id),
      config: shownOwn(fields, own),
      granted: grants.get(plugin.id) ?? [],
      grantedBySetting: parseNamedGrants(config.PLUGIN_NET_GRANTS ?? "").get(plugin.name ?? "") ??
        [],
      refused: refusals.filter(({ pluginId }) => pluginId === plugin.id),
    });
  });

  // Apart, as the plugin is built for it.
  app.get("/plugins/:id/requested", async (c) => {
    try {
      const hosts = await requestedHosts(database, config.BASE_DIR ?? ".", pathId(c));
      return c.json({ hosts, loadError: null });
    } catch (error) {
      return c.json({ hosts: [], loadError: errorMessage(error) });
    }
  });

  app.get("/plugins/:id/log", async (c) => c.json(await lastLines(database, pathId(c), LOG_LINES)));

  app.get("/plugins/:id/activity", async (c) => {
    const [pluginId, teamId] = [pathId(c), neededQueryId(c, "team")];
    const own = (await installed.configs()).find((each) =>
      each.pluginId === pluginId && each.teamId === teamId
    );
    const activity = own === undefined ? null : parts.activity(own.id);
    const memoryBytes = await parts.memoryOf(pluginId);
    if (activity === null) return c.json({ counts: null, memoryBytes, recent: [] });
    const recent = activity.recent.map(({ before, after, ...event }) => {
      const [parsed, then] = [parsedOf(before), after === null ? null : parsedOf(after)];
      return { ...event, event: parsed, changes: after === null ? [] : changes(parsed, then) };
    });
    return c.json({ counts: counts(parts, own?.id ?? 0), memoryBytes, recent });
  });
  return app;
}

function counts(parts: ConsoleParts, configId: number) {
  const activity = parts.activity(configId);
  if (activity === null) return null;
  const { recent: _recent, ...rest } = activity;
  return rest;
}

function withoutSchema({ configSchema: _schema, ...plugin }: InstalledPlugin) {
  return plugin;
}

function shownOwn(fields: readonly ConfigField[], own: InstalledConfig | undefined) {
  if (own === undefined) return null;
  const { id, enabled, order, attachments, error } = own;
  return { id, enabled, order, attachments, error, values: shownConfig(fields, own.config) };
}

/** What a schema says of a field besides what the server uses. */
function hintOf({ configSchema }: InstalledPlugin, { key }: ConfigField): string | null {
  const entries: unknown[] = Array.isArray(configSchema)
    ? configSchema
    : Object.entries(configSchema ?? {}).map(([key, field]) => ({ ...field as object, key }));
  const entry = entries.find((each) => (each as { key?: unknown } | null)?.key === key);
  const hint = (entry as { hint?: unknown } | undefined)?.hint;
  return typeof hint === "string" ? hint : null;
}

/** Texts come out of the fence: one that is no JSON is shown as it is. */
function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
