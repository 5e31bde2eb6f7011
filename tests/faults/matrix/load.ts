/**
 * Steady load on both ways in, as real senders make it: each event has a number, an unanswered one is
 * sent again as it was, and visitors are identified now and then.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../../src/errors.ts";
import type { Redis } from "ioredis";
import type { JsonObject } from "../../../src/events/types.ts";
import { celeryEventItem } from "../../../src/sources/celery/producer.ts";
import { rawEvent } from "../../services/raw_event.ts";

export type SourceName = "http" | "celery";
export const SOURCES: readonly SourceName[] = ["http", "celery"];

const VISITORS = 20;
/** After so many events of a source come other visitors, as people have only so many properties. */
const GENERATION = 20_000;
/** One in so many events comes of a browser that did not know its visitor yet. */
const ANONYMOUS_EVERY = 10;

/** One event of the load. */
export interface LoadEvent {
  readonly number: number;
  readonly distinctId: string;
  readonly data: JsonObject;
}

/**
 * The nth event of a source. An anonymous one is followed by the `$identify` that says who it was,
 * so that its person has to end up as one with the visitor's.
 */
export function loadEvent(source: SourceName, number: number): LoadEvent {
  const visitor = visitorOf(source, number);
  const mark = { [`seen_${number}`]: true };
  const place = number % ANONYMOUS_EVERY;
  const properties = { source, number, $set: mark };
  if (place === 0) {
    return {
      number,
      distinctId: `${source} browser ${number}`,
      data: { event: "$pageview", properties },
    };
  }
  if (place === 1) {
    return {
      number,
      distinctId: visitor,
      data: {
        event: "$identify",
        properties: { ...properties, $anon_distinct_id: `${source} browser ${number - 1}` },
      },
    };
  }
  return { number, distinctId: visitor, data: { event: "$pageview", properties } };
}

/** Who an event's properties have to end up with: its visitor's distinct id. */
export function visitorOf(source: SourceName, number: number): string {
  const place = number % ANONYMOUS_EVERY;
  const base = place === 1 ? number - 1 : number;
  const generation = Math.floor(base / GENERATION);
  return `${source} visitor ${generation * VISITORS + base % VISITORS}`;
}

export interface Load {
  /** Numbers that were accepted: answered with 200, or pushed into Redis. */
  readonly accepted: Readonly<Record<SourceName, ReadonlySet<number>>>;
  /**
   * Sends nothing new; resolves when all that was begun is accepted.
   * @throws Error where something is not, for long
   */
  end(): Promise<void>;
}

export interface LoadTargets {
  readonly teamId: number;
  readonly apiKey: string;
  /** Where to post; the address changes when a server is started again. */
  readonly addresses: () => readonly string[];
  readonly redis: Redis;
  readonly queue: string;
}

const HTTP_CLIENTS = 6;
const HTTP_PAUSE_MS = 30;
const CELERY_BATCH = 10;
const CELERY_PAUSE_MS = 50;
/** What a client waits before it sends again, and how long it waits for an answer. */
const RETRY_MS = 150;
const ANSWER_MS = 4_000;
/** What is still not accepted so long after the end of the load will not be. */
const GIVE_UP_MS = 90_000;

export function startLoad(targets: LoadTargets): Load {
  const accepted = { http: new Set<number>(), celery: new Set<number>() };
  let endedAt: number | null = null;
  let nextHttp = 0;
  /** @throws Error where a server or Redis is gone for good */
  const retryLater = async (what: string, reason: string) => {
    if (endedAt !== null && performance.now() - endedAt > GIVE_UP_MS) {
      throw new Error(`${what} was not accepted: ${reason}`);
    }
    await sleep(RETRY_MS);
  };

  const post = async (number: number) => {
    const { distinctId, data } = loadEvent("http", number);
    const body = JSON.stringify({
      ...data,
      api_key: targets.apiKey,
      distinct_id: distinctId,
      uuid: crypto.randomUUID(),
    });
    for (let attempt = 0;; attempt++) {
      const addresses = targets.addresses();
      let reason = "status 503";
      try {
        const response = await fetch(`${addresses[(number + attempt) % addresses.length]}/e/`, {
          method: "POST",
          body,
          signal: AbortSignal.timeout(ANSWER_MS),
        });
        await response.body?.cancel();
        if (response.status === 200) return accepted.http.add(number);
        if (response.status !== 503) throw new Error(`status ${response.status}`);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("status")) throw error;
        // Nobody there, or no answer: it may have been accepted or not.
        reason = errorMessage(error);
      }
      await retryLater(`event ${number}`, reason);
    }
  };
  const clients = Array.from({ length: HTTP_CLIENTS }, async () => {
    // Whoever was anonymous says who it was before it ends.
    while (endedAt === null || nextHttp % ANONYMOUS_EVERY === 1) {
      await post(nextHttp++);
      await sleep(HTTP_PAUSE_MS);
    }
  });
  const push = async () => {
    for (let first = 0; endedAt === null; first += CELERY_BATCH) {
      const items = Array.from({ length: CELERY_BATCH }, (_, index) => {
        const { distinctId, data } = loadEvent("celery", first + index);
        return celeryEventItem(targets.queue, rawEvent(targets.teamId, distinctId, data));
      });
      while (true) {
        try {
          await targets.redis.lpush(targets.queue, ...items);
          break;
        } catch (error) {
          // The very same messages again: if they arrived after all, their ids say so.
          await retryLater(`message ${first}`, errorMessage(error));
        }
      }
      for (let index = 0; index < CELERY_BATCH; index++) accepted.celery.add(first + index);
      await sleep(CELERY_PAUSE_MS);
    }
  };
  const sending = Promise.all([...clients, push()]);
  // Told of at the end.
  sending.catch(() => {});
  return {
    accepted,
    async end() {
      endedAt ??= performance.now();
      await sending;
    },
  };
}
