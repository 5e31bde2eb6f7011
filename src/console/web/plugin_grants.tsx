import { type PluginDetail, send } from "./api.ts";
import { moment } from "./format.ts";
import { useAction } from "./hooks.ts";
import { Badge, Nothing } from "./parts.tsx";

interface Host {
  readonly host: string;
  readonly state: "granted" | "setting" | "requested" | "refused";
  readonly note: string;
}

/** Which hosts the plugin may reach; what it asks for or was refused is one click away. */
export function PluginGrants({ plugin, requested, onChange }: {
  readonly plugin: PluginDetail;
  readonly requested: readonly string[];
  readonly onChange: () => void;
}) {
  const [grant, granting] = useAction(async (host: string) => {
    await send("POST", `/plugins/${plugin.id}/grants`, { host });
    onChange();
    return `It may reach ${host} now.`;
  });
  const [revoke] = useAction(async (host: string) => {
    await send("DELETE", `/plugins/${plugin.id}/grants`, { host });
    onChange();
    return `It may not reach ${host} any more.`;
  });
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const refused = await grant(String(new FormData(form).get("host") ?? "").trim());
    if (refused === null) form.reset();
  };
  const hosts = hostsOf(plugin, requested);
  return (
    <section aria-labelledby="grants-title">
      <article>
        <h2 id="grants-title">What it may reach</h2>
        {hosts.length === 0 && <Nothing>Nothing, and it did not ask for anything.</Nothing>}
        <ul class="hosts">
          {hosts.map(({ host, state, note }) => (
            <li key={host}>
              <div>
                <code>{host}</code>{" "}
                <Badge kind={state === "granted" || state === "setting" ? "good" : "warn"}>
                  {state === "setting" ? "by PLUGIN_NET_GRANTS" : state}
                </Badge>
                {note !== "" && <small>{note}</small>}
              </div>
              {state === "granted" && (
                <button
                  type="button"
                  class="outline secondary"
                  aria-label={`Revoke ${host}`}
                  onClick={() => revoke(host)}
                >
                  Revoke
                </button>
              )}
              {(state === "requested" || state === "refused") && (
                <button
                  type="button"
                  aria-label={`Grant ${host}`}
                  disabled={granting}
                  onClick={() => grant(host)}
                >
                  Grant
                </button>
              )}
            </li>
          ))}
        </ul>
        <form onSubmit={submit}>
          <fieldset role="group">
            <input
              type="text"
              name="host"
              required
              aria-label="Another host"
              placeholder="api.example.com:443"
              autocomplete="off"
            />
            <button type="submit" class="outline" disabled={granting}>Grant</button>
          </fieldset>
        </form>
      </article>
    </section>
  );
}

function hostsOf(
  { granted, grantedBySetting, refused }: PluginDetail,
  requested: readonly string[],
): Host[] {
  const hosts = new Map<string, Host>();
  const add = (host: string, state: Host["state"], note = "") => {
    const known = hosts.get(host);
    if (known === undefined) hosts.set(host, { host, state, note });
    else if (note !== "") hosts.set(host, { ...known, note });
  };
  for (const host of granted) add(host, "granted");
  for (const host of grantedBySetting) add(host, "setting");
  for (const host of requested) add(host, "requested");
  for (const { host, count, lastAt, reason } of refused) {
    add(host, "refused", `refused ${count}×, last ${moment(lastAt)}: ${reason}`);
  }
  return [...hosts.values()];
}
