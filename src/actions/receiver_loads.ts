/**
 * How busy each receiver of hooks is. One that is slow or does not answer gets a share of the requests
 * that may be made at a time, so that others are told meanwhile.
 */

interface Load {
  underWay: number;
  isSlow: boolean;
}

const SLOW_MS = 1_000;

export class ReceiverLoads {
  readonly #loads = new Map<string, Load>();
  readonly #share: number;
  readonly #slowMs: number;

  /**
   * @param share requests at a time to a slow receiver
   * @param slowMs an answer that takes longer makes a receiver slow, until it answers faster
   */
  constructor(share: number, slowMs = SLOW_MS) {
    this.#share = share;
    this.#slowMs = slowMs;
  }

  /**
   * Does something with a receiver; null, and nothing done, where a slow one has its share already.
   * @param isHealthy whether the outcome is that of a receiver that works
   */
  async take<T>(
    receiver: string,
    work: () => Promise<T>,
    isHealthy: (outcome: T) => boolean,
  ): Promise<T | null> {
    const load = this.#loads.get(receiver) ?? { underWay: 0, isSlow: false };
    if (load.isSlow && load.underWay >= this.#share) return null;
    this.#loads.set(receiver, load);
    load.underWay++;
    const began = performance.now();
    try {
      const outcome = await work();
      load.isSlow = !isHealthy(outcome) || performance.now() - began > this.#slowMs;
      return outcome;
    } finally {
      load.underWay--;
      // What is known of a receiver that works needs no memory.
      if (load.underWay === 0 && !load.isSlow) this.#loads.delete(receiver);
    }
  }
}
