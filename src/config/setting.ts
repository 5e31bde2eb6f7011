/** The kinds a setting can have, and how its text is read. */

/** What every setting has. */
export interface SettingCommon {
  /** Under which it is listed. */
  readonly group: string;
  /** One sentence: what it does. */
  readonly description: string;
  /** Never shown. */
  readonly secret?: true;
}

/** A text, or none. */
export interface TextSetting extends SettingCommon {
  /** Which kind it is. */
  readonly type: "text";
  /** Where the environment does not say. */
  readonly default: string | null;
}

/** A number within bounds. */
export interface NumberSetting extends SettingCommon {
  /** Which kind it is. */
  readonly type: "number";
  /** Where the environment does not say. */
  readonly default: number;
  /** The least that is allowed. */
  readonly min?: number;
  /** The most that is allowed. */
  readonly max?: number;
  /** Only whole numbers. */
  readonly integer?: true;
}

/** Yes or no. */
export interface BooleanSetting extends SettingCommon {
  /** Which kind it is. */
  readonly type: "boolean";
  /** Where the environment does not say. */
  readonly default: boolean;
}

/** One of several words. */
export interface ChoiceSetting<Choice extends string = string> extends SettingCommon {
  /** Which kind it is. */
  readonly type: "choice";
  /** Where the environment does not say. */
  readonly default: Choice;
  /** All that are allowed. */
  readonly choices: readonly Choice[];
}

/** Words, separated by commas. */
export interface ListSetting extends SettingCommon {
  /** Which kind it is. */
  readonly type: "list";
  /** Where the environment does not say. */
  readonly default: readonly string[];
}

/** One environment variable. */
export type Setting = TextSetting | NumberSetting | BooleanSetting | ChoiceSetting | ListSetting;

/** What a setting is read as. */
export type ValueOf<S extends Setting> = S extends TextSetting ? string | null
  : S extends NumberSetting ? number
  : S extends BooleanSetting ? boolean
  : S extends { readonly type: "choice"; readonly choices: readonly (infer Choice)[] } ? Choice
  : readonly string[];

const TRUE_WORDS = ["y", "yes", "t", "true", "on", "1"];
const FALSE_WORDS = ["n", "no", "f", "false", "off", "0", ""];

/**
 * Reads the text of a setting.
 * @throws Error saying what is allowed
 */
export function readSetting(setting: Setting, text: string): ValueOf<Setting> {
  switch (setting.type) {
    case "text":
      return text;
    case "list":
      return text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
    case "boolean":
      return readBoolean(text);
    case "number":
      return readNumber(setting, text);
    case "choice": {
      const choice = setting.choices.find((entry) => entry === text.trim().toLowerCase());
      if (choice === undefined) throw new Error(`must be one of ${setting.choices.join(", ")}`);
      return choice;
    }
  }
}

function readBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (TRUE_WORDS.includes(word)) return true;
  if (FALSE_WORDS.includes(word)) return false;
  throw new Error("must be true or false (also yes/no, on/off, 1/0)");
}

function readNumber(setting: NumberSetting, text: string): number {
  const number = text.trim() === "" ? NaN : Number(text);
  const { min = -Infinity, max = Infinity, integer } = setting;
  const fits = Number.isFinite(number) && number >= min && number <= max &&
    (integer === undefined || Number.isInteger(number));
  if (fits) return number;
  const kind = integer ? "a whole number" : "a number";
  const span = max === Infinity
    ? min === -Infinity ? "" : ` of at least ${min}`
    : ` from ${min} to ${max}`;
  throw new Error(`must be ${kind}${span}`);
}

/** The default as `--help` and the documentation print it. */
export function defaultText(setting: Setting): string {
  if (setting.default === null) return "(none)";
  if (Array.isArray(setting.default)) return setting.default.join(",") || "(none)";
  return String(setting.default) || "(empty)";
}
