import type { LogLine } from "./api.ts";
import { time } from "./format.ts";
import { useAsked } from "./hooks.ts";
import { Nothing, Waiting } from "./parts.tsx";

const EVERY_MS = 1_000;

/** The newest line is the first, so that it is seen without scrolling. */
export function PluginLog({ id }: { readonly id: number }) {
  const { data, error } = useAsked<readonly LogLine[]>(`/plugins/${id}/log`, EVERY_MS);
  return (
    <section aria-labelledby="log-title">
      <article>
        <h2 id="log-title">Log</h2>
        {data === null && <Waiting error={error} />}
        {data?.length === 0 && <Nothing>It has written nothing yet.</Nothing>}
        {data !== null && data.length > 0 && (
          <ol class="log" tabIndex={0} aria-label="Lines of the log, the newest first">
            {data.toReversed().map((line) => (
              <li key={line.id} class={line.type.toLowerCase()}>
                <time dateTime={line.timestamp}>{time(line.timestamp)}</time>{" "}
                <span class="level">{line.type}</span> <span class="message">{line.message}</span>
              </li>
            ))}
          </ol>
        )}
      </article>
    </section>
  );
}
