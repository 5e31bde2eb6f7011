import { useEffect, useState } from "preact/hooks";
import type { Sample } from "../sampler.ts";
import { get, type Overview } from "./api.ts";
import { age, bytes, count, milliseconds } from "./format.ts";
import { Badge, Table, Title, Waiting } from "./parts.tsx";
import { Plot } from "./plot.tsx";

const EVERY_MS = 1_000;
const SHOWN = 300;

/** The server's numbers: only what is new is asked for. */
function useOverview(): {
  overview: Overview | null;
  samples: readonly Sample[];
  error: string | null;
} {
  const [state, setState] = useState<
    { overview: Overview | null; samples: readonly Sample[]; error: string | null }
  >({ overview: null, samples: [], error: null });
  useEffect(() => {
    const ended = new AbortController();
    let samples: readonly Sample[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        const since = samples.at(-1)?.at ?? 0;
        const overview = await get<Overview>(`/overview?since=${since}`, ended.signal);
        samples = [...samples, ...overview.samples].slice(-SHOWN);
        setState({ overview, samples, error: null });
      } catch (error) {
        if (ended.signal.aborted) return;
        setState((before) => ({ ...before, error: String((error as Error).message) }));
      }
      if (!ended.signal.aborted) timer = setTimeout(ask, EVERY_MS);
    };
    ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, []);
  return state;
}

export function OverviewPage() {
  const { overview, samples, error } = useOverview();
  if (overview === null) return <Waiting error={error} />;
  const times = samples.map(({ at }) => at / 1000);
  const last = samples.at(-1);
  const parts = Object.entries(overview.health.parts);
  const lag = samples.map(({ queued, inFlight }) => queued === null ? null : queued + inFlight);
  return (
    <>
      <Title
        actions={overview.health.ready
          ? <Badge kind="good">All is well</Badge>
          : <Badge kind="bad">Not well</Badge>}
      >
        Overview
      </Title>
      {error !== null && <p class="error" role="alert">{error}</p>}
      <ul class="facts">
        <li>
          <a href="#/dead-letters">Dead letters</a> <strong>{count(overview.deadLetters)}</strong>
        </li>
        <li>
          Servers <strong>{overview.servers}</strong>
        </li>
        <li>
          Running for <strong>{age(overview.startedAt)}</strong>
        </li>
        <li>
          Memory <strong>{bytes(last?.memoryBytes ?? null)}</strong>
        </li>
        <li>
          Version <strong>{overview.version}</strong>
        </li>
      </ul>
      <div class="plots">
        <Plot
          title="Events per second"
          now={`${count(last?.receivedRate ?? 0)} in, ${count(last?.storedRate ?? 0)} stored`}
          times={times}
          format={count}
          lines={[
            { name: "in", colour: "--plot-blue", values: samples.map((each) => each.receivedRate) },
            {
              name: "stored",
              colour: "--plot-green",
              values: samples.map((each) => each.storedRate),
            },
          ]}
        />
        <Plot
          title="Lag: events that wait"
          now={count(lag.at(-1) ?? 0)}
          times={times}
          format={count}
          lines={[{ name: "queued and in flight", colour: "--plot-violet", values: lag }]}
        />
        <Plot
          title="Errors per second"
          now={count(last?.errorRate ?? 0)}
          times={times}
          format={count}
          lines={[{
            name: "dead letters and plugins' failures",
            colour: "--plot-red",
            values: samples.map((each) => each.errorRate),
          }]}
        />
        <Plot
          title="Latency: from taken to stored"
          now={milliseconds(last?.latencyMs ?? null)}
          times={times}
          format={milliseconds}
          lines={[{
            name: "average of a second's batches",
            colour: "--plot-orange",
            values: samples.map((each) => each.latencyMs),
          }]}
        />
      </div>
      <h2>Parts</h2>
      <Table label="Parts of the server" names={["Part", "State", "For", "Why"]}>
        {parts.map(([name, part]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              {part.isWell
                ? <Badge kind="good">well</Badge>
                : <Badge kind={part.isNeeded ? "bad" : "warn"}>not well</Badge>}
            </td>
            <td>{age(part.since)}</td>
            <td>{part.reason ?? ""}</td>
          </tr>
        ))}
      </Table>
      <p class="note">Stored in {overview.storage}.</p>
    </>
  );
}
