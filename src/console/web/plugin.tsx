import { useState } from "preact/hooks";
import { type PluginDetail, type Requested, send, type Team } from "./api.ts";
import { Confirm } from "./dialog.tsx";
import { moment } from "./format.ts";
import { useAction, useAsked } from "./hooks.ts";
import { Title, Waiting } from "./parts.tsx";
import { PluginActivity } from "./plugin_activity.tsx";
import { PluginForm } from "./plugin_form.tsx";
import { PluginGrants } from "./plugin_grants.tsx";
import { PluginLog } from "./plugin_log.tsx";
import { State } from "./plugins.tsx";

const EVERY_MS = 2_000;

export function PluginPage({ id, team }: { readonly id: number; readonly team: Team }) {
  const { data: plugin, error, again } = useAsked<PluginDetail>(
    `/plugins/${id}?team=${team.id}`,
    EVERY_MS,
  );
  const { data: requested } = useAsked<Requested>(`/plugins/${id}/requested`);
  const [asking, setAsking] = useState(false);
  const [disable] = useAction(async () => {
    await send("POST", `/plugins/${id}/disable`, { teamId: team.id });
    again();
    return "The plugin is disabled. Its settings and what it stored are kept.";
  });
  const [reset] = useAction(async () => {
    await send("POST", `/plugins/${id}/reset`);
    again();
    return "The plugin is tried again.";
  });
  const [upgrade, upgrading] = useAction(async () => {
    const { tag } = await send<{ tag: string | null }>("POST", `/plugins/${id}/upgrade`);
    again();
    return `The plugin is at its newest version${tag === null ? "" : `, ${tag}`}.`;
  });
  const [uninstall] = useAction(async () => {
    await send("DELETE", `/plugins/${id}`);
    location.hash = "#/plugins";
    return "The plugin is uninstalled.";
  });
  if (plugin === null) return <Waiting error={error} />;
  const { config } = plugin;
  const lastError = config?.error?.message ? config.error : null;
  const isEnabled = config?.enabled ?? false;
  return (
    <>
      <nav aria-label="Breadcrumb">
        <ul>
          <li>
            <a href="#/plugins">Plugins</a>
          </li>
        </ul>
      </nav>
      <Title
        actions={
          <>
            {plugin.isBroken && <button type="button" onClick={() => reset()}>Try it again</button>}
            {plugin.pluginType === "repository" && (
              <button
                type="button"
                class="outline"
                aria-busy={upgrading}
                onClick={() => upgrade()}
              >
                Upgrade
              </button>
            )}
            {isEnabled && (
              <button type="button" class="outline" onClick={() => disable()}>Disable</button>
            )}
            <button type="button" class="outline danger" onClick={() => setAsking(true)}>
              Uninstall
            </button>
          </>
        }
      >
        {plugin.name}
      </Title>
      {asking && (
        <Confirm
          title={`Uninstall ${plugin.name}?`}
          text="It is removed for every project, with its settings, its log, its grants and all that it stored."
          verb="Uninstall"
          onConfirm={() => uninstall()}
          onClose={() => setAsking(false)}
        />
      )}
      {plugin.description !== null && <p>{plugin.description}</p>}
      <p class="note">
        <State state={plugin.isBroken || lastError === null ? plugin.state : "failed"} /> {isEnabled
          ? `Enabled for ${team.name}, number ${config?.order} of its order. `
          : `Not enabled for ${team.name}. `}
        {plugin.url !== null && `From ${plugin.url}. `}
        {plugin.tag !== null && `Version ${plugin.tag}.`}
      </p>
      {requested?.loadError && <p class="error" role="alert">{requested.loadError}</p>}
      {lastError !== null && (
        <p class="error">
          Last error{lastError.time ? `, ${moment(lastError.time)}` : ""}: {lastError.message}
        </p>
      )}
      <div class="columns">
        <PluginForm plugin={plugin} team={team} onSaved={again} />
        <PluginGrants plugin={plugin} requested={requested?.hosts ?? []} onChange={again} />
      </div>
      <PluginActivity id={id} team={team} />
      <PluginLog id={id} />
    </>
  );
}
