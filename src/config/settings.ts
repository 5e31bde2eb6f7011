/** Every setting there is, in one table: parsing, `--help` and the documentation come from it. */
import type { Setting, ValueOf } from "./setting.ts";
import { JOB_SETTINGS } from "./settings/jobs.ts";
import { KAFKA_SETTINGS } from "./settings/kafka.ts";
import { OBSERVING_SETTINGS } from "./settings/observing.ts";
import { PIPELINE_SETTINGS } from "./settings/pipeline.ts";
import { PLUGIN_SETTINGS } from "./settings/plugins.ts";
import { SERVING_SETTINGS } from "./settings/serving.ts";
import { STORE_SETTINGS } from "./settings/stores.ts";

/**
 * Variable name → what it is. The order is that of `--help`.
 *
 * Its type is the table itself, which the page on configuration shows better than generated
 * documentation would.
 * @internal
 */
export const SETTINGS = {
  ...STORE_SETTINGS,
  ...SERVING_SETTINGS,
  ...PIPELINE_SETTINGS,
  ...PLUGIN_SETTINGS,
  ...KAFKA_SETTINGS,
  ...JOB_SETTINGS,
  ...OBSERVING_SETTINGS,
} as const satisfies Record<string, Setting>;

/** A name of the table. */
export type SettingName = keyof typeof SETTINGS;

/** Every setting's value. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };
