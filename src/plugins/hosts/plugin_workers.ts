/**
 * All processes of one plugin: one to begin with, more while events wait for it, fewer again when
 * they do not. A person's events always go to the same one, in order.
 */
import type { EventResult } from "../../../plugins_runtime/frames.ts";
import type { BreakerState } from "../breaker/breaker.ts";
import type { EgressRefusal } from "../egress/egress_gateway.ts";
import type { PluginConfig, PluginSpec } from "../types.ts";
import { passedBy, UNFINISHED, unfinished } from "./job.ts";
import type { PluginHostOptions, PluginHostParts } from "./host_parts.ts";
import { PluginHost } from "./plugin_host.ts";
import type { WorkingProcess } from "./processor_watch.ts";

/** Sends events through whoever serves their config now. */
export type HandOver = (
  configId: number,
  texts: readonly Uint8Array[],
  people: readonly string[],
) => Promise<EventResult[]>;

export interface PluginWorkersOptions extends PluginHostOptions {
  /** Processes of one plugin, at most. */
  readonly workers: number;
  /** Events that may wait for a plugin in the slow lane; when there are more, all pass it by. */
  readonly slowLaneEvents: number;
}

/** Events that wait longer than this, at so many looks in a row, are worth another process. */
const CROWDED_MS = 250;
const CROWDED_LOOKS = 3;

/** Looks without anything waiting after which the youngest process is ended. */
const CALM_LOOKS = 30;

/** How long a process that is not needed any more may take to tear down. */
const RETIRE_MS = 5_000;

/** Events of one config that were handed in together, or what was dealt of them to one process. */
interface Hand {
  readonly configId: number;
  readonly texts: readonly Uint8Array[];
  /** Who each event is about. */
  readonly people: readonly string[];
  /** Where each stands in the results. */
  readonly places: readonly number[];
  readonly results: EventResult[];
}

export class PluginWorkers {
  /** Its configs are those that it serves: what another process serves by now is gone from them. */
  readonly spec: PluginSpec;
  readonly #configs: PluginConfig[];
  readonly #options: PluginWorkersOptions;
  readonly #parts: PluginHostParts;
  /** The first is always there; its process may not be. */
  readonly #first: PluginHost;
  /** Those that events are dealt to, the first included. */
  #hosts: readonly PluginHost[];
  /** Starting: gets events once it is ready. */
  #next: PluginHost | null = null;
  #crowdedLooks = 0;
  #calmLooks = 0;
  /** Hands that are with a process. */
  #dealt = 0;
  /** While set, nothing is dealt: a person's events would overtake those with another process. */
  #change: (() => void) | null = null;
  /** What came meanwhile, in order. */
  #held: (() => void)[] = [];
  /** All that were not ended yet, whether they get events or not. */
  readonly #alive: Set<PluginHost>;
  readonly #retiring = new Set<Promise<void>>();
  #stopped = false;
  /** Where the events go that are left when it is stopped. */
  #handOver: HandOver = (_configId, texts) =>
    Promise.resolve(texts.map((_, index) => passedBy(index)));

  constructor(spec: PluginSpec, options: PluginWorkersOptions, parts: PluginHostParts) {
    this.#configs = [...spec.configs];
    this.spec = { ...spec, configs: this.#configs };
    this.#options = options;
    this.#parts = parts;
    this.#first = new PluginHost(this.spec, options, parts);
    this.#hosts = [this.#first];
    this.#alive = new Set(this.#hosts);
  }

  /** The process that is there for everything but events. */
  get first(): PluginHost {
    return this.#first;
  }

  /** False once it is known that it has nothing to say about events. */
  get mayProcessEvents(): boolean {
    return this.#first.mayProcessEvents;
  }

  /** Of the first process, if it runs. */
  get pid(): number | null {
    return this.#first.pid;
  }

  /** Of all that run and get events. */
  get pids(): readonly number[] {
    return this.#hosts.flatMap(({ pid }) => pid === null ? [] : [pid]);
  }

  /** Those of its processes that are up and did not stand back yet. */
  get working(): readonly WorkingProcess[] {
    return [...this.#alive].flatMap((host) => host.working ?? []);
  }

  /** Events whose results somebody waits for. */
  get waitingEvents(): number {
    return this.#hosts.reduce((sum, host) => sum + host.waitingEvents, 0);
  }

  /** Of its breaker. */
  state(now: number): BreakerState {
    return this.#parts.breaker.state(now);
  }

  /** Starts a process ahead of the first event. */
  start(): void {
    this.#first.start();
  }

  /** Starts it again if it ended, unless the plugin is known not to work. */
  startAgain(): void {
    if (this.#first.pid === null && !this.#first.cannotBeLoaded && !this.#stopped) this.start();
  }

  /** Says something of Paddock's own in the log of every config. */
  say(type: "INFO" | "WARN" | "ERROR", message: string): void {
    for (const { id } of this.spec.configs) this.#first.say(id, type, message);
  }

  /**
   * Results in input order. Never rejects: what the plugin does is in the results.
   * @param people the distinct id of each event
   */
  async process(
    configId: number,
    texts: readonly Uint8Array[],
    people: readonly string[],
  ): Promise<EventResult[]> {
    this.#boundSlowLane(performance.now(), texts.length);
    let results = this.#change === null && this.#hosts.length === 1
      ? await this.#give(this.#first, configId, texts)
      : null;
    if (results === null) {
      results = [];
      const places = texts.map((_, index) => index);
      await this.#deal({ configId, texts, people, places, results });
    }
    return await this.#finished(configId, texts, people, results);
  }

  /** What a process was ended with is done again by the successor. */
  async #finished(
    configId: number,
    texts: readonly Uint8Array[],
    people: readonly string[],
    results: EventResult[],
  ): Promise<EventResult[]> {
    const left = results.filter(({ status }) => status === UNFINISHED).map(({ index }) => index);
    if (left.length === 0) return results;
    const done = await this.#handOver(
      configId,
      left.map((index) => texts[index] as Uint8Array),
      left.map((index) => people[index] as string),
    );
    left.forEach((index, position) => {
      results[index] = { ...(done[position] ?? passedBy(index)), index };
    });
    return results;
  }

  /** Takes a config's power away at once, in every process. */
  remove(configId: number): void {
    for (const host of this.#alive) host.remove(configId);
  }

  /**
   * Lets go of a config that another process serves by now, and goes on for the others.
   * @param handOver where what was not begun of it goes
   */
  leave(configId: number, handOver: HandOver): void {
    const place = this.#configs.findIndex(({ id }) => id === configId);
    if (place === -1) return;
    this.#configs.splice(place, 1);
    this.#handOver = handOver;
    for (const host of this.#alive) host.leave(configId);
  }

  /** Closes the way to every host at once, for every process. */
  closeEgress(): void {
    for (const host of this.#alive) host.closeEgress();
  }

  /** Says in the plugin's log what it was refused, and how that would change. */
  sayRefused(host: string, refusal: Pick<EgressRefusal, "reason" | "remedy">): void {
    this.#first.sayRefused(host, refusal);
  }

  /** To be called about once a second: the number of processes follows the work. */
  check(now: number): void {
    if (this.#stopped) return;
    for (const host of this.#hosts) host.check(now);
    this.#boundSlowLane(now, 0);
    if (this.#change !== null) return;
    if (this.#next !== null) this.#adoptNext(this.#next);
    else this.#weighNumber(now);
    for (const host of this.#hosts) host.reapIfIdle(now);
  }

  /**
   * Finishes what is in its processes and ends them, within `patienceMs`. What is not with them yet,
   * or not finished by then, goes where it is handed over to, or passes by.
   */
  async stop(patienceMs: number, handOver?: HandOver): Promise<void> {
    this.#stopped = true;
    if (handOver !== undefined) this.#handOver = handOver;
    await Promise.all([
      ...[...this.#alive].map((host) => host.stop(patienceMs)),
      ...this.#retiring,
    ]);
  }

  /**
   * A plugin in the slow lane holds so many events and no more, as those fill the server's memory
   * and keep it from taking other teams' events. All pass, not only the latest: a team's events
   * leave in order, so that the oldest would go on holding up the others.
   */
  #boundSlowLane(now: number, more: number): void {
    const waiting = this.waitingEvents;
    if (waiting === 0 || waiting + more <= this.#options.slowLaneEvents) return;
    if (this.#parts.breaker.state(now) !== "slow") return;
    const reason = `the plugin is in the slow lane and ${waiting} events waited for it`;
    for (const host of this.#hosts) host.passBy(reason);
  }

  #deal(hand: Hand): Promise<void> {
    const isServed = this.#configs.some(({ id }) => id === hand.configId);
    if (this.#stopped || !isServed) return this.#leave(hand);
    if (this.#change === null) return this.#dealNow(hand);
    return new Promise((resolve) => this.#held.push(() => resolve(this.#dealNow(hand))));
  }

  /** Nothing of this reached a process. */
  #leave({ places, results }: Hand): Promise<void> {
    for (const index of places) results[index] = unfinished(index);
    return Promise.resolve();
  }

  /** Reaches the hosts before it waits for anything, so that calls keep their order. */
  async #dealNow(hand: Hand): Promise<void> {
    const hosts = this.#hosts;
    const indices = Map.groupBy(
      hand.texts.keys(),
      (index) => placeOf(`${hand.configId} ${hand.people[index]}`, hosts.length),
    );
    await Promise.all([...indices].map(async ([place, mine]) => {
      const part: Hand = {
        configId: hand.configId,
        texts: mine.map((index) => hand.texts[index] as Uint8Array),
        people: mine.map((index) => hand.people[index] as string),
        places: mine.map((index) => hand.places[index] as number),
        results: hand.results,
      };
      const results = await this.#give(hosts[place] as PluginHost, part.configId, part.texts);
      if (results === null) return await this.#deal(part);
      part.places.forEach((index, position) => {
        const result = results[position];
        part.results[index] = result === undefined ? passedBy(index) : { ...result, index };
      });
    }));
  }

  /** Null where the host gave the events back. */
  async #give(
    host: PluginHost,
    configId: number,
    texts: readonly Uint8Array[],
  ): Promise<EventResult[] | null> {
    this.#dealt++;
    const results = await host.process(configId, texts);
    this.#dealt--;
    if (this.#dealt === 0) this.#change?.();
    return results;
  }

  /** Another process where events wait too long in all of them; one fewer after a calm while. */
  #weighNumber(now: number): void {
    const isHealthy = this.#parts.breaker.state(now) === "healthy";
    const isCrowded = isHealthy && this.#hosts.every((host) => host.waitedMs(now) > CROWDED_MS);
    this.#crowdedLooks = isCrowded ? this.#crowdedLooks + 1 : 0;
    const isCalm = this.#hosts.every((host) => host.waitedMs(now) === 0);
    this.#calmLooks = isCalm ? this.#calmLooks + 1 : 0;
    const most = Math.min(this.#options.workers, this.spec.maxWorkers ?? Infinity);
    if (this.#hosts.length < most && this.#crowdedLooks >= CROWDED_LOOKS) {
      this.#crowdedLooks = 0;
      this.#next = new PluginHost(this.spec, this.#options, this.#parts);
      this.#alive.add(this.#next);
      this.#next.start();
    } else if (this.#hosts.length > 1 && (!isHealthy || this.#calmLooks >= CALM_LOOKS)) {
      this.#calmLooks = 0;
      const last = this.#hosts.at(-1) as PluginHost;
      this.#dealTo(this.#hosts.slice(0, -1), () => this.#retire(last));
    }
  }

  #adoptNext(next: PluginHost): void {
    if (next.isStarting) return;
    this.#next = null;
    // One that did not come up as well as the first is of no use; its log says why.
    if (next.isReady && next.readyConfigs >= this.#first.readyConfigs) {
      this.#dealTo([...this.#hosts, next]);
    } else this.#retire(next);
  }

  /** Changes whom events are dealt to, once what was dealt before is done. */
  #dealTo(hosts: readonly PluginHost[], then: () => void = () => {}): void {
    this.#change = () => {
      this.#hosts = hosts;
      this.#change = null;
      for (const go of this.#held.splice(0)) go();
      then();
    };
    for (const host of this.#hosts) host.withdraw();
    if (this.#dealt === 0) this.#change();
  }

  #retire(host: PluginHost): void {
    this.#alive.delete(host);
    const retiring = host.stop(RETIRE_MS).finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }
}

/** The same of so many places for the same text, in all versions and on all servers (FNV-1a). */
function placeOf(text: string, places: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % places;
}
