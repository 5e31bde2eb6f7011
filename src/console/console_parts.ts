import type { Config } from "../config/config.ts";
import type { ReplayParts } from "../dead_letters/replay.ts";
import type { HealthReport } from "../health.ts";
import type { ConfigActivity } from "../plugins/activity/plugin_activity.ts";
import type { Database } from "../stores/postgres/database.ts";
import type { Sampler } from "./sampler.ts";

/** What the console shows and changes. */
export interface ConsoleParts {
  readonly config: Config;
  readonly database: Database;
  /** What is stored in and where, without secrets. */
  readonly storage: string;
  readonly startedAt: Date;
  readonly sampler: Sampler;
  readonly health: () => HealthReport;
  /** What a plugin config did on this server; null where nothing passed it. */
  readonly activity: (configId: number) => ConfigActivity | null;
  /** Processes that a plugin has on this server. */
  readonly processes: (pluginId: number) => readonly number[];
  readonly jobs: ReplayParts["jobs"];
  /** Makes all servers read their plugins again. */
  readonly announcePluginChange: () => Promise<void>;
}
