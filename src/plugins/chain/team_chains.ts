/** Each team's plugins in their order, and the road of a batch through them. */
import { Buffer } from "node:buffer";
import { type EventResult, ResultStatus } from "../../../plugins_runtime/frames.ts";
import type { ChainInput, ChainOutcome, PluginChains } from "../../pipeline/plugin_chains.ts";
import type { EventTap } from "../../telemetry/event_tap.ts";

/** A plugin config that events are sent through. */
export interface ChainLink {
  readonly configId: number;
  /** `"Name (configId)"` */
  readonly label: string;
}

/** Who serves configs, which may change between two plugins of a chain. */
export interface ChainHosts {
  /** False once it is known that the config's plugin has nothing to say about events. */
  mayProcessEvents(configId: number): boolean;
  /** @param people the distinct id of each event: chooses the process */
  process(
    configId: number,
    texts: readonly Uint8Array[],
    people: readonly string[],
  ): Promise<EventResult[]>;
}

/** One event between two plugins. */
interface Passing {
  /** Null once a plugin dropped it. */
  text: Uint8Array | null;
  /** As it came: a plugin that changes it does not change which process the next one uses. */
  readonly person: string;
  readonly succeeded: string[];
  readonly failed: string[];
}

/** Told of each frame that came back from a plugin. */
export interface ChainObserver {
  passed(
    configId: number,
    texts: readonly Uint8Array[],
    results: readonly EventResult[],
    ms: number,
  ): void;
}

export class TeamChains implements PluginChains {
  readonly #hosts: ChainHosts;
  readonly #observer: ChainObserver;
  readonly #tap: EventTap | undefined;
  #links: ReadonlyMap<number, readonly ChainLink[]> = new Map();

  /** @param tap shows events before and after each plugin, where somebody asks for that */
  constructor(hosts: ChainHosts, observer: ChainObserver, tap?: EventTap) {
    this.#hosts = hosts;
    this.#observer = observer;
    this.#tap = tap;
  }

  /**
   * Replaces all chains; batches that are on their way finish on the ones they began with.
   * @param links of each team, in their order
   */
  replace(links: ReadonlyMap<number, readonly ChainLink[]>): void {
    this.#links = links;
  }

  has(teamId: number): boolean {
    return this.#links.get(teamId)?.some(({ configId }) =>
      this.#hosts.mayProcessEvents(configId)
    ) ??
      false;
  }

  async run(teamId: number, inputs: readonly ChainInput[]): Promise<ChainOutcome[]> {
    const events: Passing[] = inputs.map(({ text, distinctId }) => ({
      text,
      person: distinctId,
      succeeded: [],
      failed: [],
    }));
    for (const link of this.#links.get(teamId) ?? []) {
      if (!this.#hosts.mayProcessEvents(link.configId)) continue;
      const through = () => this.#pass(link, events);
      if (this.#tap?.isOpen) await tapped({ link, events, teamId, tap: this.#tap }, through);
      else await through();
    }
    return events.map(({ text, succeeded, failed }) => ({ text, succeeded, failed }));
  }

  /** Sends those that are left through one plugin. Their texts stay bytes from plugin to plugin. */
  async #pass({ configId, label }: ChainLink, events: readonly Passing[]): Promise<void> {
    const left = events.filter((event) => event.text !== null);
    if (left.length === 0) return;
    const texts = left.map((event) => event.text as Uint8Array);
    const began = performance.now();
    const people = left.map((event) => event.person);
    const results = await this.#hosts.process(configId, texts, people);
    this.#observer.passed(configId, texts, results, performance.now() - began);
    left.forEach((event, index) => {
      const result = results[index];
      if (result !== undefined) apply(label, event, result);
    });
  }
}

/** Shows events before and after a plugin to whoever asked for it. */
async function tapped(
  { link, events, teamId, tap }: {
    readonly link: ChainLink;
    readonly events: readonly Passing[];
    readonly teamId: number;
    readonly tap: EventTap;
  },
  through: () => Promise<void>,
): Promise<void> {
  const { label } = link;
  const plugin = label.slice(0, label.lastIndexOf(" ("));
  const left = events.filter((event) => event.text !== null);
  const before = left.map(({ text }) => text as Uint8Array);
  const given = before.map((text) => JSON.parse(asText(text)));
  tap.pass({ name: `before ${label}`, plugin }, teamId, given);
  await through();
  const outcomes = left.map((event, index) => {
    if (event.text === null) return "dropped";
    if (event.failed.at(-1) === label) return "failed";
    return event.text === before[index] ? "unchanged" : "changed";
  });
  const made = left.map(({ text }, index) =>
    text === null ? given[index] : JSON.parse(asText(text))
  );
  tap.pass({ name: `after ${label}`, plugin }, teamId, made, outcomes);
}

function apply(label: string, event: Passing, { status, text }: EventResult): void {
  switch (status) {
    case ResultStatus.Unchanged:
      event.succeeded.push(label);
      break;
    case ResultStatus.Changed:
      event.text = text;
      event.succeeded.push(label);
      break;
    case ResultStatus.ChangedAndCorrected:
      event.text = text;
      event.failed.push(label);
      break;
    case ResultStatus.Dropped:
      event.text = null;
      break;
    case ResultStatus.PassedBy:
      break;
    default:
      // Failed, or a status that does not exist: the event goes on as it was.
      event.failed.push(label);
  }
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
