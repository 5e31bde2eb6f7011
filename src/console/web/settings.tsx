import { useState } from "preact/hooks";
import type { SettingRow, Team } from "./api.ts";
import { useAsked } from "./hooks.ts";
import { Badge, Table, Title, Waiting } from "./parts.tsx";

/** Every setting with its value and where that comes from; secrets are never sent here. */
export function SettingsPage({ team }: { readonly team: Team }) {
  const { data, error } = useAsked<readonly SettingRow[]>("/settings");
  const [text, setText] = useState("");
  if (data === null) return <Waiting error={error} />;
  const wanted = text.toLowerCase();
  const shown = data.filter(({ name, description }) =>
    `${name} ${description}`.toLowerCase().includes(wanted)
  );
  const groups = [...new Set(shown.map(({ group }) => group))];
  return (
    <>
      <Title>Settings</Title>
      <p class="note">
        Settings are environment variables of the server: they are changed where it is started. The
        API key of {team.name} is <code>{team.apiToken}</code>.
      </p>
      <input
        type="search"
        aria-label="Find a setting"
        placeholder="Find a setting"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {groups.map((group) => (
        <section key={group} aria-label={group}>
          <h2>{group}</h2>
          <Table label={`Settings: ${group}`} names={["Setting", "Value", "From", "What it does"]}>
            {shown.filter((each) => each.group === group).map((setting) => (
              <tr key={setting.name}>
                <th scope="row">
                  <code>{setting.name}</code>
                </th>
                <td class="value">{setting.value === "" ? "–" : setting.value}</td>
                <td>
                  <Badge kind={setting.origin === "default" ? "plain" : "good"}>
                    {setting.origin}
                  </Badge>
                </td>
                <td class="long">{setting.description}</td>
              </tr>
            ))}
          </Table>
        </section>
      ))}
    </>
  );
}
