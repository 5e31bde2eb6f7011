/** What a person filled into a plugin's form, checked against the schema in its `plugin.json`. */
import { didYouMean } from "../../closest_word.ts";
import type { JsonObject } from "../../events/types.ts";
import type { ConfigField } from "../source/manifest.ts";
import type { PluginAttachment } from "../types.ts";

/** Texts and files by the key of their field; a key that is left out keeps what was there. */
export interface FilledForm {
  readonly values: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, PluginAttachment>;
}

/** What a config holds now. */
export interface FormBefore {
  readonly config: JsonObject;
  /** Keys of the files that were uploaded into it. */
  readonly attachments: readonly string[];
}

export interface FormProblem {
  readonly key: string;
  readonly kind: "missing" | "unknown" | "invalid";
  /** A sentence that names the key. */
  readonly message: string;
}

export interface CheckedForm {
  /** What was there, what is given now, and the defaults of fields that have neither. */
  readonly config: JsonObject;
  /** None for a form that can be stored. */
  readonly problems: readonly FormProblem[];
}

/** In place of a secret that is set. */
export const HIDDEN = "***";

/** A file that is put into a config: Postgres and the fence both carry it whole. */
const MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024;

/** Checks a form; says everything that is wrong with it at once. */
export function checkForm(
  fields: readonly ConfigField[],
  filled: FilledForm,
  before: FormBefore,
): CheckedForm {
  const problems = unknownKeys(fields, filled);
  const config: JsonObject = { ...before.config };
  for (const field of fields) {
    const { key, default: byDefault } = field;
    if (field.type === "attachment") {
      const problem = attachmentProblem(field, filled, before);
      if (problem !== null) problems.push(problem);
      continue;
    }
    const value = filled.values.get(key);
    if (value !== undefined) {
      const read = readValue(field, value);
      if (typeof read === "string") problems.push({ key, kind: "invalid", message: read });
      else config[key] = read.value;
    } else if (!Object.hasOwn(config, key) && byDefault !== undefined) {
      config[key] = byDefault;
    }
    if (field.required && isEmpty(config[key])) {
      problems.push({ key, kind: "missing", message: `'${key}' is required` });
    }
  }
  return { config, problems };
}

/** A config as it may be shown: neither secrets, nor what its schema does not know. */
export function shownConfig(fields: readonly ConfigField[], config: JsonObject): JsonObject {
  const open = new Set(fields.filter(({ secret }) => !secret).map(({ key }) => key));
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      open.has(key) || isEmpty(value) ? value : HIDDEN,
    ]),
  );
}

function unknownKeys(fields: readonly ConfigField[], filled: FilledForm): FormProblem[] {
  const known = fields.map(({ key }) => key);
  return [...filled.values.keys(), ...filled.files.keys()]
    .filter((key) => !known.includes(key))
    .map((key) => ({
      key,
      kind: "unknown",
      message: `there is no setting '${key}', but: ${known.join(", ") || "none"}${
        didYouMean(key, known)
      }`,
    }));
}

function attachmentProblem(
  { key, required }: ConfigField,
  filled: FilledForm,
  before: FormBefore,
): FormProblem | null {
  const file = filled.files.get(key);
  if (filled.values.has(key)) {
    return { key, kind: "invalid", message: `'${key}' is a file` };
  }
  if (file !== undefined && file.contents.byteLength > MAX_ATTACHMENT_BYTES) {
    const message = `'${key}': '${file.fileName}' has over ${MAX_ATTACHMENT_BYTES} bytes`;
    return { key, kind: "invalid", message };
  }
  const isThere = file !== undefined || before.attachments.includes(key);
  return required && !isThere ? { key, kind: "missing", message: `'${key}' is required` } : null;
}

/** The value, or what is wrong with its text. */
function readValue(
  { key, type, choices, secret, required }: ConfigField,
  text: string,
): { readonly value: unknown } | string {
  if (type === "choice" && choices !== null && !choices.includes(text)) {
    if (text === "" && !required) return { value: text };
    return `'${key}' is one of ${choices.join(", ")}, not '${secret ? HIDDEN : text}'${
      didYouMean(text, choices)
    }`;
  }
  if (type !== "json" || text === "" && !required) return { value: text };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return `'${key}' is not JSON`;
  }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
