import { useState } from "preact/hooks";
import { type Field, type PluginDetail, send, type Team } from "./api.ts";
import { type SentFile, sentFile } from "./files.ts";
import { useAction } from "./hooks.ts";
import { Nothing } from "./parts.tsx";

const HIDDEN = "***";

/** The form that the plugin's schema asks for. A secret that is set never leaves the server. */
export function PluginForm({ plugin, team, onSaved }: {
  readonly plugin: PluginDetail;
  readonly team: Team;
  readonly onSaved: () => void;
}) {
  const [problems, setProblems] = useState<ReadonlyMap<string, string>>(new Map());
  const isEnabled = plugin.config?.enabled ?? false;
  const [save, busy] = useAction(async (form: FormData) => {
    const values: Record<string, string> = {};
    const files: Record<string, SentFile> = {};
    for (const { key, type, secret } of plugin.fields) {
      const value = form.get(key);
      if (type === "attachment") {
        if (value instanceof File && value.size > 0) files[key] = await sentFile(value);
      } else if (typeof value === "string" && !(secret && value === "")) values[key] = value;
    }
    await send("PUT", `/plugins/${plugin.id}/config`, { teamId: team.id, values, files });
    onSaved();
    return isEnabled ? "Saved. It is in force." : `Enabled for ${team.name}.`;
  });
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const refused = await save(new FormData(event.currentTarget as HTMLFormElement));
    setProblems(new Map((refused?.problems ?? []).map(({ key, message }) => [key, message])));
  };
  return (
    <section aria-labelledby="form-title">
      <article>
        <h2 id="form-title">Settings for {team.name}</h2>
        <form onSubmit={submit} noValidate>
          {plugin.fields.length === 0 && <Nothing>It has no settings.</Nothing>}
          {plugin.fields.map((field) => (
            <FieldInput
              key={field.key}
              field={field}
              config={plugin.config}
              problem={problems.get(field.key) ?? null}
            />
          ))}
          <button type="submit" aria-busy={busy} disabled={busy}>
            {isEnabled ? "Save" : "Enable"}
          </button>
        </form>
      </article>
    </section>
  );
}

function FieldInput({ field, config, problem }: {
  readonly field: Field;
  readonly config: PluginDetail["config"];
  readonly problem: string | null;
}) {
  const { key, name, type, secret, required, choices, hint } = field;
  const given = config?.values[key];
  const value = given === undefined ? field.default : given;
  const text = value === undefined || value === null
    ? ""
    : typeof value === "string"
    ? value
    : JSON.stringify(value);
  const isSet = secret && given === HIDDEN || (config?.attachments.includes(key) ?? false);
  const common = {
    name: key,
    required: required && !isSet,
    "aria-invalid": problem === null ? undefined : "true" as const,
    "aria-describedby": `help-${key}`,
  };
  return (
    <label>
      <span>
        {name ?? key}
        {required && <span class="required" title="required">*</span>}
      </span>
      {type === "attachment"
        ? <input type="file" {...common} />
        : type === "choice" && choices !== null
        ? (
          <select {...common}>
            {!required && <option value="">–</option>}
            {choices.map((choice) => (
              <option key={choice} value={choice} selected={choice === text}>{choice}</option>
            ))}
          </select>
        )
        : type === "json"
        ? <textarea rows={4} spellcheck={false} {...common} defaultValue={text} />
        : secret
        ? (
          <input
            type="password"
            autocomplete="off"
            placeholder={isSet ? "(set; leave empty to keep it)" : ""}
            {...common}
          />
        )
        : <input type="text" autocomplete="off" {...common} defaultValue={text} />}
      <small id={`help-${key}`}>
        {problem ?? [hint, isSet && type === "attachment" ? "A file is set." : null].filter(Boolean)
          .join(" ")}
      </small>
    </label>
  );
}
