/** A lease that is taken whenever it is free, and kept for as long as that goes well. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { Lease, LeaseStore } from "../stores/lease.ts";

export interface HeldLeaseOptions {
  readonly name: string;
  readonly ttlMs: number;
}

/** Taken again, where another holds it, so often within its ttl. */
const TRIES_PER_TTL = 10;
/** Believed to be held for no longer than this part of the ttl since the last renewal was asked for. */
const BELIEVED = 0.9;

export class HeldLease {
  readonly #store: LeaseStore;
  readonly #options: HeldLeaseOptions;
  readonly #onChange: (isHeld: boolean) => void;
  readonly #log = getLogger(["paddock", "lease"]);
  #lease: Lease | null = null;
  #heldUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;
  #saidAway = false;

  constructor(
    store: LeaseStore,
    options: HeldLeaseOptions,
    onChange: (isHeld: boolean) => void = () => {},
  ) {
    this.#store = store;
    this.#options = options;
    this.#onChange = onChange;
  }

  /** By this server's monotonic clock, without asking anybody: a renewal that hangs does not count. */
  get isHeld(): boolean {
    return this.#lease !== null && performance.now() < this.#heldUntil;
  }

  start(): void {
    this.#next(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#working;
    const lease = this.#lease;
    this.#lease = null;
    if (lease === null) return;
    await lease.release().catch((error) =>
      this.#log.warn`${this.#options.name} is left to expire: ${errorMessage(error)}`
    );
  }

  #next(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#working = this.#turn();
    }, ms);
  }

  async #turn(): Promise<void> {
    const { name, ttlMs } = this.#options;
    const asked = performance.now();
    try {
      if (this.#lease === null) {
        this.#lease = await this.#store.acquire(name, ttlMs);
        if (this.#lease !== null) {
          this.#heldUntil = asked + ttlMs * BELIEVED;
          this.#onChange(true);
        }
      } else if (await this.#lease.renew()) {
        this.#heldUntil = asked + ttlMs * BELIEVED;
      } else {
        this.#lost("it expired");
      }
      this.#saidAway = false;
    } catch (error) {
      // Still held, perhaps; but not for longer than was promised.
      if (this.#lease !== null && !this.isHeld) this.#lost(errorMessage(error));
      else if (!this.#saidAway) this.#log.warn`${name}: ${errorMessage(error)}`;
      this.#saidAway = true;
    }
    this.#next(this.#lease === null ? ttlMs / TRIES_PER_TTL : ttlMs / 3);
  }

  #lost(reason: string): void {
    this.#lease = null;
    this.#log.warn`${this.#options.name} was lost: ${reason}`;
    this.#onChange(false);
  }
}
