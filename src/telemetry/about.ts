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

/** So many of each are named in a line at most. */
const MOST = 20;

/** Whom a line about several is about; what is not known of one is left out. */
export interface AboutOne {
  readonly uuid?: string | null;
  readonly teamId?: number | null;
  readonly configId?: number | null;
  readonly plugin?: string;
  readonly pluginId?: number | null;
}

/** A log whose lines are about several events or plugins: each is named once, of many the first. */
export function aboutSeveral(log: Logger, several: readonly AboutOne[]): Logger {
  const named = (name: string, of: (one: AboutOne) => string | number | null | undefined) => {
    const values = new Set<string | number>();
    for (const one of several) {
      const value = of(one);
      if (value !== null && value !== undefined) values.add(value);
      if (values.size === MOST) break;
    }
    return values.size === 0 ? {} : { [name]: [...values] };
  };
  return log.with({
    ...named("uuids", ({ uuid }) => uuid),
    ...named("teams", ({ teamId }) => teamId),
    ...named("plugins", ({ plugin }) => plugin),
    ...named("plugin_ids", ({ pluginId }) => pluginId),
    ...named("configs", ({ configId }) => configId),
  });
}
