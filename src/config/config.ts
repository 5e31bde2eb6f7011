/** From environment variables to a checked configuration. */
import { errorMessage, PaddockError } from "../errors.ts";
import { readSetting, type Setting } from "./setting.ts";
import { type SettingName, SETTINGS, type Settings } from "./settings.ts";

/** Every setting's value, and which were given. */
export interface Config extends Settings {
  /** Settings that the environment defines, an empty text included. */
  readonly explicit: ReadonlySet<SettingName>;
}

/** The environment, or something shaped like it. */
export type Environment = Readonly<Record<string, string | undefined>>;

const NAMES = Object.keys(SETTINGS) as SettingName[];

/**
 * Reads every setting of the table.
 * @throws PaddockError PDK_CONFIG_INVALID naming every setting that is wrong, its value (unless it
 *   is a secret) and what is allowed
 */
export function loadConfig(environment: Environment): Config {
  const values: Record<string, unknown> = {};
  const explicit = new Set<SettingName>();
  const problems: string[] = [];
  for (const name of NAMES) {
    const setting: Setting = SETTINGS[name];
    const text = environment[name];
    values[name] = setting.default;
    if (text === undefined) continue;
    explicit.add(name);
    try {
      values[name] = readSetting(setting, text);
    } catch (error) {
      const shown = setting.secret ? "its value" : `'${text}'`;
      problems.push(`${name}: ${shown} ${errorMessage(error)}`);
    }
  }
  if (problems.length > 0) throw new PaddockError("PDK_CONFIG_INVALID", problems.join("\n"));
  return { ...values as unknown as Settings, explicit };
}

/** The configuration as it may be shown: no secret, no password inside an address. */
export function redactedConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(NAMES.map((name) => {
    const setting: Setting = SETTINGS[name];
    const value = config[name];
    return [name, setting.secret && value ? redact(String(value)) : value];
  }));
}

/** An address without its password; any other secret entirely hidden. */
export function redact(secret: string): string {
  try {
    const url = new URL(secret);
    if (url.password !== "") url.password = "***";
    return url.host === "" ? "***" : url.href;
  } catch {
    return "***";
  }
}
