import { useState } from "preact/hooks";
import { type PluginRow, send, type Team } from "./api.ts";
import { bytes, count, milliseconds } from "./format.ts";
import { useAction, useAsked } from "./hooks.ts";
import { InstallDialog } from "./install.tsx";
import { Badge, Nothing, Table, Title, Waiting } from "./parts.tsx";

const EVERY_MS = 2_000;

export function PluginsPage({ team }: { readonly team: Team }) {
  const { data, error, again } = useAsked<readonly PluginRow[]>(
    `/plugins?team=${team.id}`,
    EVERY_MS,
  );
  const [installing, setInstalling] = useState(false);
  const [reorder] = useAction(async (pluginIds: readonly number[]) => {
    await send("PUT", "/order", { teamId: team.id, pluginIds });
    again();
    return "The order is changed.";
  });
  const chain = (data ?? []).filter(({ enabled }) => enabled);
  const others = (data ?? []).filter(({ enabled }) => !enabled);
  const move = (index: number, by: number) => {
    const ids = chain.map(({ id }) => id);
    const [moved] = ids.splice(index, 1);
    if (moved !== undefined) ids.splice(index + by, 0, moved);
    reorder(ids);
  };
  return (
    <>
      <Title
        actions={
          <button type="button" onClick={() => setInstalling(true)}>Install a plugin</button>
        }
      >
        Plugins
      </Title>
      {installing && <InstallDialog team={team} onClose={() => setInstalling(false)} />}
      {data === null && <Waiting error={error} />}
      {data !== null && error !== null && <p class="error" role="alert">{error}</p>}
      {data !== null && chain.length === 0 &&
        <Nothing>No plugin is enabled for {team.name}.</Nothing>}
      {chain.length > 0 && (
        <>
          <p class="note">Events of {team.name} go through these, from top to bottom.</p>
          <Table
            label="Plugins in the order in which they see events"
            names={[
              "Order",
              "Plugin",
              "State",
              "Events/s",
              "p50",
              "p99",
              "Changed",
              "Dropped",
              "Failed",
              "Memory",
            ]}
          >
            {chain.map((plugin, index) => {
              const { activity } = plugin;
              return (
                <tr key={plugin.id}>
                  <td class="order">
                    {index + 1}
                    <button
                      type="button"
                      class="outline"
                      aria-label={`Move ${plugin.name} up`}
                      disabled={index === 0}
                      onClick={() => move(index, -1)}
                    >
                      ↑
                    </button>
                    <button
                      type="button"
                      class="outline"
                      aria-label={`Move ${plugin.name} down`}
                      disabled={index === chain.length - 1}
                      onClick={() => move(index, 1)}
                    >
                      ↓
                    </button>
                  </td>
                  <th scope="row">
                    <a href={`#/plugins/${plugin.id}`}>{plugin.name}</a>
                  </th>
                  <td>
                    <State state={plugin.state} />
                  </td>
                  <td class="number">{count(plugin.speed.eventsPerSecond)}</td>
                  <td class="number">{milliseconds(plugin.speed.p50Ms)}</td>
                  <td class="number">{milliseconds(plugin.speed.p99Ms)}</td>
                  <td class="number">{count(activity?.changed ?? 0)}</td>
                  <td class="number">{count(activity?.dropped ?? 0)}</td>
                  <td class="number">{count(activity?.failed ?? 0)}</td>
                  <td class="number">{bytes(plugin.memoryBytes)}</td>
                </tr>
              );
            })}
          </Table>
          <p class="note">
            Numbers are of this server: events a second and how long a batch took (half and 99 of
            100 at most) within the last minute, the others since its start.
          </p>
        </>
      )}
      {others.length > 0 && (
        <>
          <h2>Not enabled for {team.name}</h2>
          <Table label="Plugins that are not enabled" names={["Plugin", "From", "What it does"]}>
            {others.map((plugin) => (
              <tr key={plugin.id}>
                <th scope="row">
                  <a href={`#/plugins/${plugin.id}`}>{plugin.name}</a>
                </th>
                <td>{plugin.pluginType}</td>
                <td>{plugin.description}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </>
  );
}

/** `ok`, or the breaker's word or the last error behind a colon. */
export function State({ state }: { readonly state: string }) {
  if (state === "ok") return <Badge kind="good">ok</Badge>;
  const [word, ...reason] = state.split(": ");
  return (
    <>
      <Badge kind={word === "slow" ? "warn" : "bad"}>{word}</Badge>{" "}
      <span class="reason">{reason.join(": ")}</span>
    </>
  );
}
