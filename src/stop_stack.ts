import { getLogger } from "@logtape/logtape";
import { errorMessage } from "./errors.ts";

/**
 * What has been started, to be stopped in the opposite order. One part that fails to stop, or takes
 * too long, does not keep the others from it.
 */
export class StopStack {
  readonly #parts: { readonly name: string; readonly stop: () => Promise<void> }[] = [];
  readonly #log = getLogger(["paddock", "server"]);

  /** @param stop must be safe to call once, whatever state the part is in */
  push(name: string, stop: () => Promise<void>): void {
    this.#parts.push({ name, stop });
  }

  /** @param patienceMs how long each part may take */
  async stopAll(patienceMs: number): Promise<void> {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const { name, stop } = part;
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(
        () => timeout.reject(new Error(`not stopped after ${patienceMs / 1000} s`)),
        patienceMs,
      );
      try {
        await Promise.race([stop(), timeout.promise]);
        this.#log.debug`${name}: stopped`;
      } catch (error) {
        this.#log.warn`${name}: ${errorMessage(error)}`;
      } finally {
        clearTimeout(timer);
      }
    }
  }
}
