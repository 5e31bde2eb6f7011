/**
 * Paddock as a library: the server, its configuration, and the types of plugin authors.
 *
 * ```ts
 * import { loadConfig, startServer } from "./mod.ts";
 *
 * const server = await startServer(loadConfig({ BASE_DIR: "/var/lib/paddock" }));
 * console.log(server.address);
 * await server.stop();
 * ```
 * @module
 */
export { type Config, type Environment, loadConfig } from "./src/config/config.ts";
export type {
  BooleanSetting,
  ChoiceSetting,
  ListSetting,
  NumberSetting,
  Setting,
  SettingCommon,
  TextSetting,
  ValueOf,
} from "./src/config/setting.ts";
export { type SettingName, SETTINGS, type Settings } from "./src/config/settings.ts";
export { ERROR_CODES, type ErrorCode, type ErrorKind, PaddockError } from "./src/errors.ts";
export type * from "./types.ts";
export { type Server, startServer } from "./src/server.ts";
export type { Project } from "./src/stores/postgres/first_project.ts";
export { type Mask, SecretValues } from "./src/telemetry/secret_values.ts";
export { VERSION } from "./src/version.ts";
