/** Tells one plugin config's `onEvent` and `onSnapshot` of stored events, a batch per frame. */
import { Backoff } from "../backoff.ts";
import type { PluginTarget, PluginTargets } from "../plugin_hooks.ts";
import {
  type Delivery,
  type DeliveryRow,
  type HeldEvent,
  heldEvents,
  Progress,
  sizeOf,
} from "./delivery.ts";

/** Events and bytes in one frame at most. */
const FRAME_EVENTS = 100;
const FRAME_BYTES = 1024 * 1024;
/** Frames with the plugin at a time: enough that it never waits for the next. */
const IN_FLIGHT = 4;
/** Held at most, waiting and with the plugin. */
const ROOM_BYTES = 4 * 1024 * 1024;
/** Crashes of an event alone after which it is given up: the plugin may have stopped of itself. */
const TRIES_ALONE = 3;

type DeliveredHook = "onEvent" | "onSnapshot";

export class HookDelivery implements Delivery {
  readonly kind = "hooks";
  readonly configId: number;
  readonly teamId: number;
  readonly #targets: PluginTargets;
  readonly #progress: Progress;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #waiting: HeldEvent[] = [];
  #bytes = 0;
  #fetched: bigint;
  /** Batches that were with the plugin when it stopped; while there are any, no other goes to it. */
  #suspects = 0;
  #suspected: Promise<void> = Promise.resolve();

  constructor(target: PluginTarget, targets: PluginTargets, position: bigint) {
    this.configId = target.configId;
    this.teamId = target.teamId;
    this.#targets = targets;
    this.#progress = new Progress(position);
    this.#fetched = position;
  }

  get fetched(): bigint {
    return this.#fetched;
  }

  get done(): bigint {
    return this.#progress.done;
  }

  get delivered(): bigint {
    return this.#progress.delivered;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hasRoom(): boolean {
    return this.#bytes < ROOM_BYTES && !this.#stop.signal.aborted;
  }

  offer(rows: readonly DeliveryRow[], until: bigint): void {
    this.#fetched = until;
    const hooks = this.#targets.get(this.configId)?.hooks ?? null;
    const events = heldEvents(
      rows,
      ({ name }) => hooks === null || (name === "$snapshot" ? hooks.onSnapshot : hooks.onEvent),
    );
    this.#waiting.push(...events);
    this.#bytes += sizeOf(events);
    this.#pump();
  }

  async stop(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    this.#waiting = [];
    while (this.#underWay.size > 0 && !this.#stop.signal.aborted) {
      await Promise.race([
        Promise.allSettled(this.#underWay),
        new Promise((resolve) => this.#stop.signal.addEventListener("abort", resolve)),
      ]);
    }
    clearTimeout(timer);
    this.#stop.abort();
  }

  #pump(): void {
    if (this.#stop.signal.aborted) return;
    while (this.#waiting.length > 0 && this.#underWay.size < IN_FLIGHT && this.#suspects === 0) {
      const batch = this.#waiting.splice(0, frameLength(this.#waiting));
      const end = this.#progress.begin(batch);
      const work = this.#deliver(batch).then((isDone) => {
        this.#underWay.delete(work);
        this.#bytes -= sizeOf(batch);
        if (isDone) end();
        this.#pump();
      });
      this.#underWay.add(work);
    }
    if (this.#waiting.length === 0) this.#progress.idle(this.#fetched);
  }

  /** Tells the plugin, however long it takes. False where it was stopped before. */
  async #deliver(batch: readonly HeldEvent[]): Promise<boolean> {
    const snapshots = batch.filter(({ name }) => name === "$snapshot");
    const events = batch.filter(({ name }) => name !== "$snapshot");
    return await this.#call("onEvent", events) && await this.#call("onSnapshot", snapshots);
  }

  async #call(hook: DeliveredHook, events: readonly HeldEvent[]): Promise<boolean> {
    if (events.length === 0) return true;
    const outcome = await this.#attempt(hook, events);
    if (outcome !== "crashed") return outcome === "done";
    // Which batch it was that stopped the plugin shows when each is alone with it.
    const before = this.#suspected;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#suspected = promise;
    this.#suspects++;
    await before;
    try {
      return await this.#isolate(hook, events);
    } finally {
      this.#suspects--;
      resolve();
    }
  }

  /** Splits a batch at which the plugin stops, until the event that it is is alone; it is given up. */
  async #isolate(hook: DeliveredHook, events: readonly HeldEvent[]): Promise<boolean> {
    const tries = events.length === 1 ? TRIES_ALONE : 1;
    for (let attempt = 0; attempt < tries; attempt++) {
      const outcome = await this.#attempt(hook, events);
      if (outcome !== "crashed") return outcome === "done";
    }
    if (events.length === 1) {
      this.#targets.get(this.configId)
        ?.say("ERROR", `${hook}: an event was given up, as the plugin stops at it.`);
      return true;
    }
    const middle = events.length >> 1;
    return await this.#isolate(hook, events.slice(0, middle)) &&
      await this.#isolate(hook, events.slice(middle));
  }

  /** Calls as soon as the plugin can be called. */
  async #attempt(
    hook: DeliveredHook,
    events: readonly HeldEvent[],
  ): Promise<"done" | "crashed" | "stopped"> {
    const { signal } = this.#stop;
    const backoff = new Backoff(100, 10_000);
    while (!signal.aborted) {
      const target = this.#targets.get(this.configId);
      const hooks = target?.hooks ?? null;
      if (target !== null && hooks !== null) {
        // A new version of the plugin may have no such hook any more.
        if (!hooks[hook]) return "done";
        const outcome = await target.call(hook, events.map(({ text }) => text));
        if (outcome.status === "crashed") return "crashed";
        if (outcome.status !== "unavailable") return "done";
      }
      target?.load();
      await backoff.failed(signal);
    }
    return "stopped";
  }
}

/** How many of the next fit in a frame; one at least. */
function frameLength(events: readonly HeldEvent[]): number {
  let bytes = 0;
  for (let count = 0; count < Math.min(events.length, FRAME_EVENTS); count++) {
    bytes += (events[count] as HeldEvent).text.byteLength;
    if (count > 0 && bytes > FRAME_BYTES) return count;
  }
  return Math.min(events.length, FRAME_EVENTS);
}
