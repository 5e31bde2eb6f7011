/** What is stored of a project: its events and its people. */
import { useState } from "preact/hooks";
import type { Person, StoredEvent, Team } from "./api.ts";
import { moment } from "./format.ts";
import { useAsked } from "./hooks.ts";
import { Badge, Json, Nothing, Title, Waiting } from "./parts.tsx";

export function EventsPage({ team }: { readonly team: Team }) {
  const { data, error, again } = useAsked<readonly StoredEvent[]>(`/events?team=${team.id}`);
  return (
    <>
      <Title actions={<button type="button" class="outline" onClick={again}>Look again</button>}>
        Events
      </Title>
      <p class="note">The events of {team.name} that were stored last.</p>
      {data === null && <Waiting error={error} />}
      {data?.length === 0 && <Nothing>Nothing is stored yet.</Nothing>}
      {data?.map((event) => <EventDetails key={event.id} event={event} />)}
    </>
  );
}

export function EventDetails({ event }: { readonly event: StoredEvent }) {
  return (
    <details class="row">
      <summary>
        <strong>{event.event ?? "(no name)"}</strong> <span>{event.distinctId}</span>{" "}
        <time dateTime={event.timestamp}>{moment(event.timestamp)}</time>
      </summary>
      <Json value={event.properties} />
    </details>
  );
}

export function PersonsPage({ team }: { readonly team: Team }) {
  const [text, setText] = useState("");
  const { data, error } = useAsked<readonly Person[]>(
    `/persons?team=${team.id}&text=${encodeURIComponent(text)}`,
  );
  const search = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setText(String(form.get("text") ?? "").trim());
  };
  return (
    <>
      <Title>Persons</Title>
      <form role="search" onSubmit={search}>
        <input
          type="search"
          name="text"
          aria-label="Distinct id, e-mail or uuid"
          placeholder="Distinct id, e-mail or uuid"
        />
        <button type="submit">Find</button>
      </form>
      {data === null && <Waiting error={error} />}
      {data?.length === 0 && (
        <Nothing>{text === "" ? "There is nobody yet." : "Nobody has this."}</Nothing>
      )}
      {data?.map((person) => <PersonDetails key={person.id} person={person} team={team} />)}
    </>
  );
}

function PersonDetails({ person, team }: { readonly person: Person; readonly team: Team }) {
  const [open, setOpen] = useState(false);
  return (
    <details
      class="row"
      onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}
    >
      <summary>
        <strong>{String(person.properties.email ?? person.distinctIds[0] ?? person.uuid)}</strong>
        {" "}
        {person.isIdentified && <Badge kind="plain">identified</Badge>}{" "}
        <time dateTime={person.createdAt}>{moment(person.createdAt)}</time>
      </summary>
      <p class="note">Distinct ids: {person.distinctIds.join(", ")}</p>
      <Json value={person.properties} />
      {open && <PersonEvents distinctIds={person.distinctIds} team={team} />}
    </details>
  );
}

function PersonEvents({ distinctIds, team }: {
  readonly distinctIds: readonly string[];
  readonly team: Team;
}) {
  const ids = distinctIds.map((id) => `&distinctId=${encodeURIComponent(id)}`).join("");
  const { data, error } = useAsked<readonly StoredEvent[]>(`/events?team=${team.id}${ids}`);
  if (data === null) return <Waiting error={error} />;
  return <>{data.map((event) => <EventDetails key={event.id} event={event} />)}</>;
}
