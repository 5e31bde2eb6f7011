/** The part of the composition root that looks at plugins' folders, for those who write plugins. */
import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/config.ts";
import { errorMessage } from "./errors.ts";
import type { PluginHosts } from "./plugins/hosts/plugin_hosts.ts";
import { RELOAD_CHANNEL } from "./plugins/registry/reloader.ts";
import { localFolder } from "./plugins/source/local_folder.ts";
import { ChangePrinter } from "./plugins/watch/change_printer.ts";
import { FolderWatch } from "./plugins/watch/folder_watch.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import type { PubSub } from "./stores/pubsub.ts";
import type { Observers } from "./telemetry/observer.ts";

/** Begins to watch, where PLUGIN_WATCH says so. What is started is put on `started`. */
export async function watchPlugins(
  config: Config,
  storage: Storage,
  parts: {
    readonly hosts: PluginHosts;
    readonly observers: Observers;
    readonly notifications: PubSub;
  },
  started: StopStack,
): Promise<void> {
  if (config.PLUGIN_WATCH === "off") return;
  const { hosts, observers, notifications } = parts;
  const log = getLogger(["paddock", "plugins"]);
  if (config.PLUGIN_WATCH === "print") {
    const printer = new ChangePrinter({
      configs: () =>
        hosts.hosts.flatMap(({ spec }) =>
          spec.configs.map(({ id, teamId }) => ({
            configId: id,
            teamId,
            pluginId: spec.id,
            plugin: spec.name,
          }))
        ),
      activity: (configId) => hosts.activity.get(configId),
    });
    observers.add({ logged: (line) => printer.line(line) });
    started.push("plugin printer", () => Promise.resolve(printer.stop()));
  }
  const folders = new FolderWatch((changed) => {
    log.info`saved: ${changed.join(", ")}`;
    notifications.publish(RELOAD_CHANNEL, "").catch((error) =>
      log.warn`plugins were not loaded again: ${errorMessage(error)}`
    );
  });
  started.push("plugin folders", () => Promise.resolve(folders.close()));
  const look = async () => {
    const rows = await storage.database.query<{ url: string }>(
      `SELECT DISTINCT plugin.url FROM posthog_plugin AS plugin
       JOIN posthog_pluginconfig AS config ON config.plugin_id = plugin.id
       WHERE config.enabled AND plugin.url LIKE 'file:%'`,
    );
    const found = await Promise.all(
      // A folder that is not there is said where the plugin is loaded.
      rows.map(({ url }) => localFolder(url, config.BASE_DIR ?? ".", url).catch(() => null)),
    );
    folders.watch(found.filter((folder) => folder !== null));
  };
  const lookAgain = () => {
    look().catch((error) => log.warn`plugins' folders are not known: ${errorMessage(error)}`);
  };
  await look();
  await notifications.subscribe(RELOAD_CHANNEL, lookAgain);
}
