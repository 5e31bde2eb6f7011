/**
 * What parts tell of what they did, for whoever counts it: once per batch, statement or call, never
 * once per event. Those who are told must be quick and never throw.
 */

/** A plugin was called, for one event or for many. */
export interface PluginRun {
  readonly pluginId: number;
  readonly plugin: string;
  readonly configId: number;
  readonly teamId: number;
  /** `processEvent`, `onEvent`, `onSnapshot`, `exportEvents`, `job`, `runEveryMinute`, … */
  readonly task: string;
  /** Of a job. */
  readonly job: string | null;
  /** Events it was called for; 0 where it is called for none. */
  readonly events: number;
  /** Until the process had it. */
  readonly waitMs: number;
  /** In the process. */
  readonly runMs: number;
  /** Calls or events that failed. */
  readonly failed: number;
}

/** A line for a plugin's log. */
export interface LoggedLine {
  readonly source: string;
  readonly teamId: number;
  readonly pluginId: number;
  readonly pluginConfigId: number;
  /** `LOG`, `ERROR`, … */
  readonly type: string;
  readonly message: string;
}

/** Whose export it is. */
export interface ExportingPlugin {
  readonly pluginId: number;
  readonly plugin: string;
  readonly teamId: number;
}

/** Whose commands are counted. */
export type StoreName = "postgres" | "redis" | "kafka" | "clickhouse";

export interface Observer {
  /** A command of a store came to its end. @param tag bounded in number */
  queried(store: StoreName, tag: string, ms: number, failed: boolean): void;
  /** A transaction came to its end. */
  transacted(ms: number): void;
  /** A source gave a batch. @param ageMs of its oldest event, since it was received */
  batchTaken(source: string, events: number, ageMs: number): void;
  /** All of a batch is durable. @param own of its events, those that the server captured of itself */
  batchDone(source: string, events: number, ms: number, own: number): void;
  /** One transaction made them durable, `recordings` of sessions among them. */
  stored(events: number, recordings: number, ms: number): void;
  /** A batch's events were matched against actions. @param found matches of all of them */
  matched(found: number, ms: number): void;
  /** A receiver was told of a match, or it was tried. */
  hookFired(kind: "webhook" | "REST hook"): void;
  /** People were not merged over this id, which is everybody's. */
  illegalDistinctId(id: string): void;
  /** Plugins dropped events of a source. */
  dropped(source: string, events: number): void;
  /** An export was counted: `events_seen`, `retry_errors`, `undelivered_events`, … */
  exported(plugin: ExportingPlugin, outcome: string, events: number): void;
  /** Something came to be a dead letter. */
  deadLettered(source: string, code: string): void;
  pluginRan(run: PluginRun): void;
  /** A plugin's process ended that was not asked to. */
  pluginCrashed(plugin: { readonly pluginId: number; readonly plugin: string }): void;
  /** A plugin was refused a host. */
  pluginRefused(plugin: { readonly pluginId: number; readonly plugin: string }): void;
  /** Addresses were looked up for plugins. */
  located(addresses: number, ms: number): void;
  /** Lines for plugins' logs. */
  logged(line: LoggedLine): void;
  /** By how much a timer was late. */
  lagged(ms: number): void;
}

/** Tells several; those that are added later are told from then on. */
export class Observers implements Observer {
  readonly #all: Partial<Observer>[] = [];

  /** @param observer need not be interested in everything */
  add(observer: Partial<Observer>): void {
    this.#all.push(observer);
  }

  queried(...args: Parameters<Observer["queried"]>): void {
    for (const each of this.#all) each.queried?.(...args);
  }

  transacted(ms: number): void {
    for (const each of this.#all) each.transacted?.(ms);
  }

  batchTaken(...args: Parameters<Observer["batchTaken"]>): void {
    for (const each of this.#all) each.batchTaken?.(...args);
  }

  batchDone(...args: Parameters<Observer["batchDone"]>): void {
    for (const each of this.#all) each.batchDone?.(...args);
  }

  stored(...args: Parameters<Observer["stored"]>): void {
    for (const each of this.#all) each.stored?.(...args);
  }

  matched(found: number, ms: number): void {
    for (const each of this.#all) each.matched?.(found, ms);
  }

  hookFired(kind: "webhook" | "REST hook"): void {
    for (const each of this.#all) each.hookFired?.(kind);
  }

  illegalDistinctId(id: string): void {
    for (const each of this.#all) each.illegalDistinctId?.(id);
  }

  dropped(source: string, events: number): void {
    for (const each of this.#all) each.dropped?.(source, events);
  }

  exported(...args: Parameters<Observer["exported"]>): void {
    for (const each of this.#all) each.exported?.(...args);
  }

  deadLettered(source: string, code: string): void {
    for (const each of this.#all) each.deadLettered?.(source, code);
  }

  pluginRan(run: PluginRun): void {
    for (const each of this.#all) each.pluginRan?.(run);
  }

  pluginCrashed(...args: Parameters<Observer["pluginCrashed"]>): void {
    for (const each of this.#all) each.pluginCrashed?.(...args);
  }

  pluginRefused(...args: Parameters<Observer["pluginRefused"]>): void {
    for (const each of this.#all) each.pluginRefused?.(...args);
  }

  located(addresses: number, ms: number): void {
    for (const each of this.#all) each.located?.(addresses, ms);
  }

  logged(...args: Parameters<Observer["logged"]>): void {
    for (const each of this.#all) each.logged?.(...args);
  }

  lagged(ms: number): void {
    for (const each of this.#all) each.lagged?.(ms);
  }
}

/** For parts that nobody observes. */
export const NOBODY: Observer = new Observers();
