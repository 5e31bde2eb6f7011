/**
 * Configs that another process serves by now, on their way out of one that goes on for others: what
 * the process has begun of them it finishes, then teardownPlugin is called, then their power ends.
 */
import { encodeFrame, FrameType } from "../../../plugins_runtime/frames.ts";
import type { JobQueue } from "./job_queue.ts";

/** How long a config may take to tear down. */
const TEARDOWN_MS = 5_000;

export interface LeavingConfigsParts {
  readonly jobs: JobQueue;
  readonly later: (ms: number, run: () => void) => void;
  /** Told once a config is gone; whether its teardown came to an end. */
  readonly gone: (configId: number, isTornDown: boolean) => void;
}

export class LeavingConfigs {
  readonly #parts: LeavingConfigsParts;
  /** Whether teardownPlugin was called. */
  readonly #leaving = new Map<number, boolean>();

  constructor(parts: LeavingConfigsParts) {
    this.#parts = parts;
  }

  /** Gives back what the process has not begun of it; `advance` does the rest. */
  add(configId: number): void {
    if (this.#leaving.has(configId)) return;
    this.#leaving.set(configId, false);
    this.#parts.jobs.withdraw(configId);
  }

  /**
   * To be called when work came to an end, and when the process was loaded.
   * @param send null while the process is loading
   */
  advance(send: ((frame: Uint8Array) => void) | null): void {
    if (send === null) return;
    for (const [configId, isCalled] of this.#leaving) {
      if (isCalled || this.#parts.jobs.has(configId)) continue;
      this.#leaving.set(configId, true);
      send(encodeFrame(FrameType.Teardown, configId));
      this.#parts.later(TEARDOWN_MS, () => this.#end(configId, false));
    }
  }

  tornDown(configId: number): void {
    if (this.#leaving.get(configId)) this.#end(configId, true);
  }

  /** The process is gone: the next one is not loaded with them. */
  processEnded(): void {
    for (const configId of [...this.#leaving.keys()]) {
      this.#parts.jobs.leaveUnfinished(configId);
      this.#end(configId, false);
    }
  }

  #end(configId: number, isTornDown: boolean): void {
    if (this.#leaving.delete(configId)) this.#parts.gone(configId, isTornDown);
  }
}
