import { useEffect, useState } from "preact/hooks";
import { get, type TailLine, type Team } from "./api.ts";
import { time } from "./format.ts";
import { Badge, Diff, Json, Nothing, Title } from "./parts.tsx";

const EVERY_MS = 700;
const SHOWN = 100;
const KINDS = { changed: "good", unchanged: "plain", dropped: "warn", failed: "bad" } as const;

/** One event with all that was seen of it, in order. */
type Passing = readonly TailLine[];

/** Events as they pass, before and after each plugin; the newest first. */
export function TailPage({ team }: { readonly team: Team }) {
  const [lines, setLines] = useState<readonly TailLine[]>([]);
  const [running, setRunning] = useState(true);
  const [filter, setFilter] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [listening, setListening] = useState(false);
  useEffect(() => {
    if (!running) return;
    const ended = new AbortController();
    const id = crypto.randomUUID();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const ask = async () => {
      try {
        const path = `/tail?team=${team.id}&id=${id}&after=${last}`;
        const news = await get<readonly TailLine[]>(path, ended.signal);
        last = news.at(-1)?.number ?? last;
        if (news.length > 0) setLines((before) => [...before, ...news].slice(-SHOWN * 5));
        setListening(true);
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
      setListening(false);
    };
  }, [running, team.id]);
  const shown = passingOf(lines, filter.toLowerCase()).slice(0, SHOWN);
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
        <Nothing>
          {!running ? "Paused." : listening ? `Waiting for events of ${team.name}…` : "Connecting…"}
        </Nothing>
      )}
      {shown.map((passing) => <PassingEvent key={passing[0]?.uuid} passing={passing} />)}
    </>
  );
}

function PassingEvent({ passing }: { readonly passing: Passing }) {
  const [first] = passing;
  const last = passing.at(-1);
  const plugins = passing.filter(({ outcome }) => outcome !== undefined);
  if (first === undefined || last === undefined) return null;
  return (
    <details class="row">
      <summary>
        <strong>{first.event}</strong> <span>{first.distinctId}</span>{" "}
        <time dateTime={first.at}>{time(first.at)}</time>{" "}
        {plugins.map(({ number, outcome = "unchanged" }) => (
          <Badge key={number} kind={KINDS[outcome]}>{outcome}</Badge>
        ))}
      </summary>
      {plugins.map(({ number, point, outcome, changes }) => (
        <div key={number}>
          <p class="note">{point}: {outcome}</p>
          {changes.length > 0 && <Diff lines={changes} />}
        </div>
      ))}
      <p class="note">{last.point === "leaves" ? "As it was stored" : last.point}</p>
      <Json value={last.isCut ? `${last.properties}…` : parsed(last.properties)} />
    </details>
  );
}

/** Events whose lines have a text, the newest first. */
function passingOf(lines: readonly TailLine[], text: string): Passing[] {
  const events = new Map<string, TailLine[]>();
  for (const line of lines) {
    const known = events.get(line.uuid);
    if (known === undefined) events.set(line.uuid, [line]);
    else known.push(line);
  }
  return [...events.values()].toReversed().filter((passing) =>
    passing.some(({ event, distinctId, properties }) =>
      `${event} ${distinctId} ${properties}`.toLowerCase().includes(text)
    )
  );
}

function parsed(properties: string): unknown {
  try {
    return JSON.parse(properties);
  } catch {
    return properties;
  }
}
