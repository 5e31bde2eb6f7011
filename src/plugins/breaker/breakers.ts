/** The breakers of all plugins, in step with what other servers and operators decide. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import type { PluginSpec } from "../types.ts";
import { Breaker, type BreakerOptions, DEFAULT_BREAKER, HEALTHY } from "./breaker.ts";
import type { BreakerKey, BreakerTable } from "./breaker_table.ts";

const FLUSH_MS = 1_000;

interface Entry {
  readonly key: BreakerKey;
  readonly breaker: Breaker;
}

export class Breakers {
  readonly #table: BreakerTable | null;
  readonly #options: BreakerOptions;
  readonly #onSaved: () => void;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #entries = new Map<string, Entry>();
  /** Changed here and not written yet: newer than what the table says. */
  #unsaved = new Map<string, Entry>();
  #flushing: Promise<void> | null = null;

  /**
   * @param table null keeps states in this process alone
   * @param onSaved called after changes of this server were written, to tell the others
   */
  constructor(
    table: BreakerTable | null,
    options: BreakerOptions = DEFAULT_BREAKER,
    onSaved: () => void = () => {},
  ) {
    this.#table = table;
    this.#options = options;
    this.#onSaved = onSaved;
    if (table !== null) {
      this.#timer = setInterval(() => this.#unsaved.size && this.flush(), FLUSH_MS);
    }
  }

  /** The one breaker of all hosts that run this plugin for this organisation. */
  of(spec: PluginSpec): Breaker {
    const key = keyOf(spec);
    const name = JSON.stringify(key);
    const known = this.#entries.get(name);
    if (known !== undefined) return known.breaker;
    const entry: Entry = {
      key,
      breaker: new Breaker(this.#options, () => this.#unsaved.set(name, entry)),
    };
    this.#entries.set(name, entry);
    return entry.breaker;
  }

  /** Takes over what the table says about these plugins, and forgets all others. */
  async sync(specs: readonly PluginSpec[]): Promise<void> {
    const names = new Set(specs.map((spec) => JSON.stringify(keyOf(spec))));
    this.#entries = new Map([...this.#entries].filter(([name]) => names.has(name)));
    for (const spec of specs) this.of(spec);
    await this.refresh();
  }

  /** Takes over what the table says by now. */
  async refresh(): Promise<void> {
    if (this.#table === null) return;
    // Before reading: what this server changed is then either in the table or still unsaved.
    await this.flush();
    const rows = await this.#table.all();
    const stored = new Map(rows.map((row) => [JSON.stringify(keyPart(row)), row]));
    const now = performance.now();
    for (const [name, { breaker }] of this.#entries) {
      if (this.#unsaved.has(name)) continue;
      breaker.adopt(stored.get(name) ?? HEALTHY, now);
    }
  }

  /** Writes what changed; what could not be written is tried again with the next flush. */
  flush(): Promise<void> {
    return this.#flushing ??= this.#flush().finally(() => this.#flushing = null);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.flush();
  }

  async #flush(): Promise<void> {
    if (this.#table === null || this.#unsaved.size === 0) return;
    const changes = this.#unsaved;
    this.#unsaved = new Map();
    const now = performance.now();
    try {
      await this.#table.save(
        [...changes.values()].map(({ key, breaker }) => ({ ...key, ...breaker.status(now) })),
      );
      this.#onSaved();
    } catch (error) {
      aboutSeveral(this.#log, [...changes.values()].map(({ key }) => key))
        .warn`the states of plugins were not written: ${errorMessage(error)}`;
      this.#unsaved = new Map([...changes, ...this.#unsaved]);
    }
  }
}

function keyOf(spec: PluginSpec): BreakerKey {
  return {
    pluginId: spec.id,
    organizationId: spec.organizationId,
    configId: spec.isolatedConfigId ?? 0,
    version: spec.version,
  };
}

function keyPart({ pluginId, organizationId, configId, version }: BreakerKey): BreakerKey {
  return { pluginId, organizationId, configId, version };
}
