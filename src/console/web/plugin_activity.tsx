import { useState } from "preact/hooks";
import type { Activity, Team } from "./api.ts";
import { bytes, count, milliseconds, time } from "./format.ts";
import { useAsked } from "./hooks.ts";
import { Badge, Diff, Json, Nothing, Waiting } from "./parts.tsx";

const EVERY_MS = 1_000;
const KINDS = { changed: "good", dropped: "warn", failed: "bad" } as const;

/** What the plugin did lately, event by event. */
export function PluginActivity({ id, team }: { readonly id: number; readonly team: Team }) {
  const { data, error } = useAsked<Activity>(`/plugins/${id}/activity?team=${team.id}`, EVERY_MS);
  const [only, setOnly] = useState<"all" | "failed">("all");
  if (data === null) return <Waiting error={error} />;
  const { counts } = data;
  const shown = data.recent.filter(({ outcome }) => only === "all" || outcome === only);
  return (
    <section aria-labelledby="activity-title">
      <article>
        <header class="title">
          <h2 id="activity-title">Recent events</h2>
          <label>
            <input
              type="checkbox"
              role="switch"
              checked={only === "failed"}
              onChange={() => setOnly(only === "all" ? "failed" : "all")}
            />
            Failures only
          </label>
        </header>
        {counts !== null && (
          <ul class="facts">
            <li>
              Events <strong>{count(counts.events)}</strong>
            </li>
            <li>
              Changed <strong>{count(counts.changed)}</strong>
            </li>
            <li>
              Dropped <strong>{count(counts.dropped)}</strong>
            </li>
            <li>
              Failed <strong>{count(counts.failed)}</strong>
            </li>
            <li>
              Per event{" "}
              <strong>
                {milliseconds(counts.events === 0 ? null : counts.busyMs / counts.events)}
              </strong>
            </li>
            <li>
              Memory <strong>{bytes(data.memoryBytes)}</strong>
            </li>
          </ul>
        )}
        {shown.length === 0 && (
          <Nothing>
            {only === "failed"
              ? "It failed with no event."
              : "It has done nothing to an event yet."}
          </Nothing>
        )}
        {shown.map((each, index) => (
          <details key={`${each.at} ${each.outcome}`} open={index === 0}>
            <summary>
              <Badge kind={KINDS[each.outcome]}>{each.outcome}</Badge> {time(each.at)}{" "}
              <strong>{nameOf(each.event)}</strong>
            </summary>
            {each.outcome === "changed" && <Diff lines={each.changes} />}
            {each.outcome === "failed" && (
              <p class="note">
                {each.changes.length === 0
                  ? "The event went on as it was; the log below says why."
                  : "What it may not change was put back."}
              </p>
            )}
            {each.outcome === "failed" && each.changes.length > 0 && <Diff lines={each.changes} />}
            {each.outcome !== "changed" && <Json value={each.event} />}
          </details>
        ))}
      </article>
    </section>
  );
}

function nameOf(event: unknown): string {
  const { event: name, distinct_id: id } = (event ?? {}) as {
    event?: unknown;
    distinct_id?: unknown;
  };
  return `${String(name)} by ${String(id)}`;
}
