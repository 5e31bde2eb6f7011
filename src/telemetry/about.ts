/** What lines of the log carry of whom they are about, so that they can be looked for by it. */
import type { Logger } from "@logtape/logtape";

/** A config of a plugin, or the plugin itself. */
export interface AboutPlugin {
  readonly plugin: string;
  readonly pluginId: number;
  readonly configId?: number;
  readonly teamId?: number;
}

/** A log whose lines are about one plugin. */
export function aboutPlugin(
  log: Logger,
  { plugin, pluginId, configId, teamId }: AboutPlugin,
): Logger {
  return log.with({
    plugin,
    plugin_id: pluginId,
    ...(configId === undefined ? {} : { config: configId }),
    ...(teamId === undefined ? {} : { team: teamId }),
  });
}

/** The same of a config in force. */
export function aboutTarget(
  log: Logger,
  { configId, teamId, spec: { id, name } }: {
    readonly configId: number;
    readonly teamId: number;
    readonly spec: { readonly id: number; readonly name: string };
  },
): Logger {
  return aboutPlugin(log, { plugin: name, pluginId: id, configId, teamId });
}

/** A log whose lines are about one event; both are null where they could not be read. */
export function aboutEvent(
  log: Logger,
  { uuid, teamId }: { readonly uuid: string | null; readonly teamId: number | null },
): Logger {
  return log.with({ uuid, team: teamId });
}
