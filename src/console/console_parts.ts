import type { Config } from "../config/config.ts";
import type { ReplayParts } from "../dead_letters/replay.ts";
import type { HealthReport } from "../health.ts";
import type { ConfigActivity } from "../plugins/activity/plugin_activity.ts";
import type { Database } from "../stores/postgres/database.ts";
import type { RecentRuns } from "../telemetry/recent.ts";
import type { Sampler } from "./sampler.ts";
import type { Tails } from "./tails.ts";

/** What the console shows and changes. */
export interface ConsoleParts {
  readonly config: Config;
  readonly database: Database;
  /** What is stored in and where, without secrets. */
  readonly storage: string;
  readonly startedAt: Date;
  readonly sampler: Sampler;
  readonly tails: Tails;
  readonly health: () => HealthReport;
  /** What a plugin config did on this server; null where nothing passed it. */
  readonly activity: (configId: number) => ConfigActivity | null;
  /** How fast a plugin was within the last minute, on this server. */
  readonly speed: (pluginId: number) => RecentRuns;
  /** Resident bytes of a plugin's processes on this server; null where it has none. */
  readonly memoryOf: (pluginId: number) => Promise<number | null>;
  readonly jobs: ReplayParts["jobs"];
  /** Makes all servers read their plugins again. */
  readonly announcePluginChange: () => Promise<void>;
}
