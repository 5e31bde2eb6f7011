import { useEffect, useState } from "preact/hooks";
import { get, type StoredEvent, type Team } from "./api.ts";
import { EventDetails } from "./events.tsx";
import { Nothing, Title } from "./parts.tsx";

const EVERY_MS = 1_000;
const SHOWN = 200;

/** Events as they are stored, the newest first. */
export function TailPage({ team }: { readonly team: Team }) {
  const [events, setEvents] = useState<readonly StoredEvent[]>([]);
  const [running, setRunning] = useState(true);
  const [filter, setFilter] = useState("");
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (!running) return;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const ask = async () => {
      try {
        const after = last === 0 ? "" : `&after=${last}`;
        const news = await get<readonly StoredEvent[]>(
          `/events?team=${team.id}${after}`,
          ended.signal,
        );
        last = Math.max(last, ...news.map(({ id }) => id));
        // What was there before one began to watch is not news.
        if (after !== "" && news.length > 0) {
          setEvents((before) => [...news, ...before].slice(0, SHOWN));
        }
        setError(null);
      } catch (refused) {
        if (ended.signal.aborted) return;
        setError((refused as Error).message);
      }
      timer = setTimeout(ask, EVERY_MS);
    };
    ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [running, team.id]);
  const wanted = filter.toLowerCase();
  const shown = events.filter((event) =>
    `${event.event} ${event.distinctId} ${JSON.stringify(event.properties)}`.toLowerCase()
      .includes(wanted)
  );
  return (
    <>
      <Title
        actions={
          <button
            type="button"
            class="outline"
            aria-pressed={!running}
            onClick={() => setRunning(!running)}
          >
            {running ? "Pause" : "Go on"}
          </button>
        }
      >
        Live tail
      </Title>
      <input
        type="search"
        aria-label="Only events with this text"
        placeholder="Only events with this text"
        value={filter}
        onInput={(event) => setFilter(event.currentTarget.value)}
      />
      {error !== null && <p class="error" role="alert">{error}</p>}
      {shown.length === 0 && (
        <Nothing>{running ? `Waiting for events of ${team.name}…` : "Paused."}</Nothing>
      )}
      {shown.map((event) => <EventDetails key={event.id} event={event} />)}
    </>
  );
}
