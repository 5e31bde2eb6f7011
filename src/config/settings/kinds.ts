/** Settings in few words, for the tables of them. */
import type {
  BooleanSetting,
  ChoiceSetting,
  ListSetting,
  NumberSetting,
  TextSetting,
} from "../setting.ts";

export const SECRET = { secret: true } as const;
export const PORT = { min: 1, max: 65535, integer: true } as const;

export const text = (
  group: string,
  value: string | null,
  description: string,
  extra: { secret?: true } = {},
): TextSetting => ({ type: "text", group, default: value, description, ...extra });

export const number = (
  group: string,
  value: number,
  description: string,
  bounds: { min?: number; max?: number; integer?: true },
): NumberSetting => ({ type: "number", group, default: value, description, ...bounds });

export const boolean = (group: string, value: boolean, description: string): BooleanSetting => ({
  type: "boolean",
  group,
  default: value,
  description,
});

export const choice = <const Choice extends string>(
  group: string,
  value: Choice,
  choices: readonly Choice[],
  description: string,
): ChoiceSetting<Choice> => ({ type: "choice", group, default: value, choices, description });

export const list = (
  group: string,
  value: readonly string[],
  description: string,
): ListSetting => ({
  type: "list",
  group,
  default: value,
  description,
});
