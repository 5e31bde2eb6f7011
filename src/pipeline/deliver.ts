/**
 * Tells plugins of stored events: reads the outbox behind the writers, hands each team's events to
 * its plugin configs, and moves their cursors on once the plugin is done with them. Nothing here
 * holds up the pipeline, and a plugin that is slow or away holds up itself alone.
 */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral, aboutTarget } from "../telemetry/about.ts";
import { errorMessage } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { Delivery, DeliveryKind, DeliveryRow } from "./delivery/delivery.ts";
import {
  type ExportCounters,
  ExportDelivery,
  type ExportRetries,
} from "./delivery/export_delivery.ts";
import { HookDelivery } from "./delivery/hook_delivery.ts";
import type { PluginTarget, PluginTargets } from "./plugin_hooks.ts";
import type { PluginRecords } from "./plugin_records.ts";
import { Wakeups } from "./wakeups.ts";

/** The stored events that plugins are still to be told of. */
export interface OutboxReader {
  /** The position up to which nothing can appear any more. */
  settled(): Promise<bigint>;
  read(
    after: bigint,
    until: bigint,
    teamIds: readonly number[],
    limit: { readonly rows: number; readonly bytes: number },
  ): Promise<{ readonly rows: readonly DeliveryRow[]; readonly isComplete: boolean }>;
  /** Forgets what every cursor has passed. */
  prune(settled: bigint, thoroughly: boolean): Promise<number>;
  /** Forgets what is too old; how many events of which team. */
  expire(retentionHours: number): Promise<ReadonlyMap<number, number>>;
}

interface Owner {
  readonly configId: number;
  readonly kind: DeliveryKind;
}

/** How far each config has been told; each cursor is held by one server of the cluster. */
export interface DeliveryCursorStore {
  /** Ids of configs with cursors that no living server holds. */
  free(): Promise<number[]>;
  claim(configIds: readonly number[]): Promise<(Owner & { readonly position: bigint })[]>;
  /** Returns those that somebody else holds by now. */
  advance(cursors: readonly (Owner & { readonly position: bigint })[]): Promise<Owner[]>;
  remove(owners: readonly Owner[]): Promise<void>;
  release(owners: readonly Owner[]): Promise<void>;
  surplus(): Promise<number>;
}

export interface DelivererParts {
  readonly outbox: OutboxReader;
  readonly cursors: DeliveryCursorStore;
  readonly targets: PluginTargets;
  readonly retries: ExportRetries;
  readonly counters: ExportCounters;
  /** What plugins said of events is durable before their cursors move on. */
  readonly records?: PluginRecords;
}

export interface DelivererOptions {
  /** How often the outbox is looked into for what other servers stored. */
  readonly pollMs: number;
  /** How often cursors are claimed that nobody holds, and shared among the servers. */
  readonly claimMs: number;
  /** Events held in memory for all plugins together, before only idle ones are given more. */
  readonly maxBytes: number;
  /** Undelivered events older than this are dropped, and said. */
  readonly retentionHours: number;
}

export const DEFAULT_DELIVERER: DelivererOptions = {
  pollMs: 250,
  claimMs: 2_000,
  maxBytes: 64 * 1024 * 1024,
  retentionHours: 168,
};

/** One read of the outbox, compressed. */
const READ = { rows: 64, bytes: 2 * 1024 * 1024 };
const PRUNE_MS = 1_000;
const EXPIRE_MS = 60_000;
const IDLE_SAVE_MS = 10_000;

export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #options: DelivererOptions;
  readonly #deliveries = new Map<string, Delivery>();
  /** Where each cursor stands in its table. */
  readonly #saved = new Map<string, bigint>();
  readonly #stop = new AbortController();
  readonly #news = new Wakeups();
  readonly #backoff = new Backoff(100, 5_000);
  readonly #log = getLogger(["paddock", "deliver"]);
  #running: Promise<void> | null = null;
  #settled = 0n;
  #nextClaim = 0;
  #nextPrune = 0;
  #nextExpiry = 0;
  #nextIdleSave = 0;
  #unavailable: string | null = null;

  constructor(parts: DelivererParts, options: Partial<DelivererOptions> = {}) {
    this.#parts = parts;
    this.#options = { ...DEFAULT_DELIVERER, ...options };
  }

  /** Why nothing can be delivered now, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  /** What each config in hand holds, for health, metrics and tests. */
  get deliveries(): readonly Delivery[] {
    return [...this.#deliveries.values()];
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something was stored, or plugins changed: looks at once. */
  notify(): void {
    this.#news.wake();
  }

  /** Hands over what is gathered, waits for what is under way, and leaves the cursors to others. */
  async stop(patienceMs: number): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.deliveries.map((delivery) => delivery.stop(patienceMs)));
    try {
      await this.#advance(true);
      await this.#parts.cursors.release(this.deliveries);
    } catch (error) {
      aboutSeveral(this.#log, this.deliveries)
        .warn`events may be delivered again: ${errorMessage(error)}`;
    }
    this.#deliveries.clear();
  }

  /** Ends at once and leaves everything as it is, to be taken over when this server counts as dead. */
  async abandon(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.deliveries.map((delivery) => delivery.stop(0)));
    await this.#running;
    this.#deliveries.clear();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const now = performance.now();
        if (now >= this.#nextClaim) {
          await this.#claim();
          this.#nextClaim = now + this.#options.claimMs;
        }
        await this.#dropUnwanted();
        const hasMore = await this.#read();
        await this.#advance();
        if (now >= this.#nextPrune) await this.#prune(now);
        this.#backoff.succeeded();
        this.#unavailable = null;
        if (!hasMore) await this.#wait(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#unavailable = errorMessage(error);
        if (this.#backoff.failures === 0) {
          this.#log.warn`plugins are told of nothing now: ${this.#unavailable}`;
        }
        await this.#backoff.failed(signal);
      }
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const poll = new AbortController();
    const timer = setTimeout(() => poll.abort(), this.#options.pollMs);
    await this.#news.wait(AbortSignal.any([signal, poll.signal]));
    clearTimeout(timer);
  }

  async #claim(): Promise<void> {
    const { targets, cursors } = this.#parts;
    const surplus = await cursors.surplus();
    if (surplus > 0) await this.#leave(this.deliveries.slice(0, surplus));
    const ids = (await cursors.free()).filter((configId) => targets.get(configId) !== null);
    if (ids.length === 0) return;
    for (const { configId, kind, position } of await cursors.claim(ids)) {
      const target = targets.get(configId);
      if (target === null) continue;
      // What it wants decides whether its cursor stays.
      target.load();
      this.#saved.set(keyOf({ configId, kind }), position);
      this.#deliveries.set(keyOf({ configId, kind }), this.#delivery(target, kind, position));
    }
  }

  #delivery(target: PluginTarget, kind: DeliveryKind, position: bigint): Delivery {
    const { targets } = this.#parts;
    return kind === "hooks"
      ? new HookDelivery(target, targets, position)
      : new ExportDelivery(target, this.#parts, position);
  }

  /** Another server joined: it takes its share, once what is under way here has ended. */
  async #leave(leaving: readonly Delivery[]): Promise<void> {
    await Promise.all(leaving.map((delivery) => delivery.stop(5_000)));
    await this.#advance(true);
    await this.#parts.cursors.release(leaving);
    for (const delivery of leaving) this.#forget(delivery);
  }

  /** Configs that are gone, or turned out to have no such hook. */
  async #dropUnwanted(): Promise<void> {
    const { targets, cursors } = this.#parts;
    const unwanted = this.deliveries.filter(({ configId, kind }) => {
      const target = targets.get(configId);
      if (target === null) return true;
      const { hooks } = target;
      if (hooks === null) return false;
      return kind === "export" ? !hooks.exportEvents : !hooks.onEvent && !hooks.onSnapshot;
    });
    if (unwanted.length === 0) return;
    await Promise.all(unwanted.map((delivery) => delivery.stop(0)));
    await cursors.remove(unwanted.filter(({ configId }) => targets.get(configId) !== null));
    // The cursor of a config that is not in force is removed with the config.
    await cursors.release(unwanted.filter(({ configId }) => targets.get(configId) === null));
    for (const delivery of unwanted) this.#forget(delivery);
  }

  /** Gives more to those that have room. True where there is more to be read at once. */
  async #read(): Promise<boolean> {
    const { outbox } = this.#parts;
    if (this.#deliveries.size === 0) return false;
    this.#settled = await outbox.settled();
    let held = 0;
    for (const { bytes } of this.#deliveries.values()) held += bytes;
    const isFull = held >= this.#options.maxBytes;
    // Those that stand at the same place, which are all that keep up, read together.
    const together = new Map<bigint, Delivery[]>();
    for (const delivery of this.#deliveries.values()) {
      if (delivery.fetched >= this.#settled || !delivery.hasRoom) continue;
      if (isFull && delivery.bytes > 0) continue;
      together.set(delivery.fetched, [...together.get(delivery.fetched) ?? [], delivery]);
    }
    let hasMore = false;
    for (const [after, group] of together) {
      const teams = [...new Set(group.map(({ teamId }) => teamId))];
      const { rows, isComplete } = await outbox.read(after, this.#settled, teams, READ);
      const until = isComplete ? this.#settled : rows.at(-1)?.id ?? this.#settled;
      hasMore ||= !isComplete;
      for (const delivery of group) {
        delivery.offer(
          rows.map(({ id, events }) => ({
            id,
            events: events.filter(({ teamId }) => teamId === delivery.teamId),
          })),
          until,
        );
      }
    }
    return hasMore;
  }

  /**
   * Saves what was done: of plugins that were told something at once, of those that there was nothing
   * for now and then.
   */
  async #advance(all = false): Promise<void> {
    const now = performance.now();
    const withIdle = all || now >= this.#nextIdleSave;
    if (withIdle) this.#nextIdleSave = now + IDLE_SAVE_MS;
    const moved = this.deliveries.flatMap((delivery) => {
      const { configId, kind, done, delivered } = delivery;
      const saved = this.#saved.get(keyOf(delivery)) ?? 0n;
      const isDue = delivered > saved || withIdle && done > saved;
      return isDue ? [{ configId, kind, position: done }] : [];
    });
    if (moved.length === 0) return;
    await this.#parts.records?.settled();
    const lost = await this.#parts.cursors.advance(moved);
    for (const cursor of moved) this.#saved.set(keyOf(cursor), cursor.position);
    for (const owner of lost) {
      const { configId } = owner;
      const target = this.#parts.targets.get(configId);
      const log = target === null
        ? this.#log.with({ config: configId })
        : aboutTarget(this.#log, target);
      log.info`plugin config ${configId} is told of events by another server now`;
      const delivery = this.#deliveries.get(keyOf(owner));
      if (delivery !== undefined) {
        await delivery.stop(0);
        this.#forget(delivery);
      }
    }
  }

  async #prune(now: number): Promise<void> {
    const { outbox, targets } = this.#parts;
    const settled = this.#settled > 0n ? this.#settled : await outbox.settled();
    const thoroughly = now >= this.#nextExpiry;
    await outbox.prune(settled, thoroughly);
    this.#nextPrune = now + PRUNE_MS;
    if (!thoroughly) return;
    const { retentionHours } = this.#options;
    for (const [teamId, events] of await outbox.expire(retentionHours)) {
      const message = `up to ${events} events were not delivered within ${retentionHours} hours ` +
        "and are not delivered any more";
      this.#log.with({ team: teamId }).error`team ${teamId}: ${message}`;
      for (const target of targets.all()) {
        if (target.teamId === teamId && target.hooks !== null) target.say("ERROR", `${message}.`);
      }
    }
    this.#nextExpiry = now + EXPIRE_MS;
  }

  #forget(delivery: Delivery): void {
    this.#deliveries.delete(keyOf(delivery));
    this.#saved.delete(keyOf(delivery));
  }
}

function keyOf({ configId, kind }: Owner): string {
  return `${configId} ${kind}`;
}
