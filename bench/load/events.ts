/** The events of the load bench: `$pageview`s of about 2 KB with 27 properties, as Celery tasks. */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";

const FILLER = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod ";

/** What visitors of one mix are. */
export interface Mix {
  readonly teams: readonly number[];
  /** How many distinct ids the events are spread over. */
  readonly visitors: number;
  /** In front of each distinct id: another prefix means other visitors. */
  readonly prefix: string;
  /**
   * `visits`: `$pageview`s alone. `newcomers`: three of ten events are the first of their visitor.
   * `changes`: one of ten is an `$identify` or a `$create_alias`, two of ten `$set` something new.
   */
  readonly kind: "visits" | "newcomers" | "changes";
  /** Another one in each run, so that newcomers are new. */
  readonly run: number;
}

/** What one event is, besides what all have in common. */
interface Visit {
  readonly event: string;
  readonly distinctId: string;
  readonly properties: Record<string, unknown>;
}

/** The `index`th event of a mix. */
function visit(index: number, mix: Mix): Visit {
  const known = visitorId(index, mix);
  const stranger = (serial: number) => `${mix.prefix}-${mix.run}-stranger-${serial}`;
  const pageview = (distinctId: string, more = {}) => ({
    event: "$pageview",
    distinctId,
    properties: { ...pageviewProperties(index), ...more },
  });
  if (mix.kind === "newcomers") return pageview(index % 10 < 3 ? stranger(index) : known);
  if (mix.kind === "visits") return pageview(known);
  switch (index % 20) {
    case 0:
      return pageview(stranger(index));
    case 10:
      // Whoever came ten events ago says who they are.
      return {
        event: "$identify",
        distinctId: known,
        properties: { ...pageviewProperties(index), $anon_distinct_id: stranger(index - 10) },
      };
    case 5:
      return {
        event: "$create_alias",
        distinctId: known,
        properties: { ...pageviewProperties(index), alias: stranger(index) },
      };
    default:
      return index % 5 === 1
        ? pageview(known, { $set: { plan: `plan ${index}` } })
        : pageview(known);
  }
}

/** The properties of the `index`th event. */
export function pageviewProperties(index: number): Record<string, unknown> {
  const properties: Record<string, unknown> = {
    $browser: "Chrome",
    $browser_version: 95,
    $os: "Mac OS X",
    $device_type: "Desktop",
    $current_url: `https://example.com/products/${index % 97}?ref=newsletter`,
    $host: "example.com",
    $pathname: `/products/${index % 97}`,
    $referrer: "https://www.google.com/",
    $referring_domain: "www.google.com",
    $screen_height: 1080,
    $screen_width: 1920,
    $viewport_height: 900,
    $viewport_width: 1600,
    $lib: "web",
    $lib_version: "1.15.3",
    $insert_id: `insert-${index}`,
    $time: 1_635_000_000 + index / 10,
    $session_id: `session-${index % 500}`,
    $window_id: `window-${index % 700}`,
  };
  for (let number = 0; Object.keys(properties).length < 27; number++) {
    properties[`custom_${number}`] = FILLER.repeat(2).slice(0, 130) + index;
  }
  return properties;
}

/** The `index`th event as an item of the plugin server's Celery queue (protocol 2). */
export function celeryItem(index: number, mix: Mix): string {
  const { event, distinctId, properties } = visit(index, mix);
  const now = new Date(1_635_422_400_000 + index * 10).toISOString();
  const data = {
    event,
    distinct_id: distinctId,
    properties: { ...properties, distinct_id: distinctId },
    timestamp: now,
  };
  const args = [distinctId, "127.0.0.1", "http://localhost", data, teamOf(index, mix), now, now];
  const id = randomUUID();
  return JSON.stringify({
    body: Buffer.from(JSON.stringify([args, {}, {}])).toString("base64"),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers: { lang: "py", task: "posthog.tasks.process_event.process_event_with_plugins", id },
    properties: {
      correlation_id: id,
      delivery_info: { exchange: "", routing_key: "posthog-plugins" },
      delivery_mode: 2,
      delivery_tag: randomUUID(),
      body_encoding: "base64",
    },
  });
}

export function visitorId(index: number, mix: Mix): string {
  return `${mix.prefix}-${index % mix.visitors}`;
}

export function teamOf(index: number, mix: Mix): number {
  // A visitor belongs to one team, whichever of their events it is.
  return mix.teams[(index % mix.visitors) % mix.teams.length] as number;
}
