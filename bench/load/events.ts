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
  const distinctId = visitorId(index, mix);
  const now = new Date(1_635_422_400_000 + index * 10).toISOString();
  const data = {
    event: "$pageview",
    distinct_id: distinctId,
    properties: { ...pageviewProperties(index), distinct_id: distinctId },
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
