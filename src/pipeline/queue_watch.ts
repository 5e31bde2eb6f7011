/** Notices a source whose messages wait while none of them is taken, whatever the source says of itself. */
import type { Source } from "../sources/source.ts";

export interface QueueWatchOptions {
  /** How often it is looked how many wait. */
  readonly everyMs: number;
  /** So many looks in a row at which some wait and none was taken mean that something is wrong. */
  readonly looks: number;
}

const DEFAULTS: QueueWatchOptions = { everyMs: 10_000, looks: 6 };

/** What is watched: a source, and how many batches were taken from it. */
export interface TakenFrom {
  readonly source: Pick<Source, "depth">;
  readonly batches: number;
}

export class QueueWatch {
  readonly #consumer: TakenFrom;
  /** Whether more could be taken: a full pipeline is no fault of the source's. */
  readonly #hasRoom: () => boolean;
  readonly #options: QueueWatchOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #looking: Promise<void> | null = null;
  #batches = 0;
  #idleLooks = 0;
  #firstDepth = 0;
  #depth = 0;

  constructor(
    consumer: TakenFrom,
    hasRoom: () => boolean,
    options: QueueWatchOptions = DEFAULTS,
  ) {
    this.#consumer = consumer;
    this.#hasRoom = hasRoom;
    this.#options = options;
  }

  /** Why the source is not well, or null. Fewer and fewer that wait are taken by other servers. */
  get trouble(): string | null {
    const { looks, everyMs } = this.#options;
    if (this.#idleLooks < looks || this.#depth < this.#firstDepth) return null;
    const seconds = Math.round(this.#idleLooks * everyMs / 1000);
    return `${this.#depth} messages wait, and none was taken for ${seconds} s`;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => this.#looking = null);
    }, this.#options.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    let depth = 0;
    try {
      depth = await this.#consumer.source.depth();
    } catch {
      // A store that is away is said elsewhere.
    }
    const { batches } = this.#consumer;
    const isIdle = depth > 0 && batches === this.#batches && this.#hasRoom();
    this.#batches = batches;
    this.#depth = depth;
    if (!isIdle) this.#idleLooks = 0;
    else if (this.#idleLooks++ === 0) this.#firstDepth = depth;
  }
}
