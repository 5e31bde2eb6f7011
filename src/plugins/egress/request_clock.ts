/** The time that a plugin's request may take, kept where the plugin has no say. */
import { Refusal } from "./admission.ts";

/**
 * Of one connection. What is in a tunnel cannot be read, but who speaks can be seen: a request
 * begins with the bytes that are sent after an answer came, or with the connection's first. Plain
 * HTTP is one request per connection.
 */
export class RequestClock {
  readonly #requestMs: number;
  readonly #isTunnel: boolean;
  readonly #now: () => number;
  #began: number;
  #lastMove: number;
  #wasAnswer = false;

  constructor(requestMs: number, isTunnel: boolean, now = () => performance.now()) {
    this.#requestMs = requestMs;
    this.#isTunnel = isTunnel;
    this.#now = now;
    this.#began = this.#lastMove = now();
  }

  /** How long nothing moved. */
  get idleMs(): number {
    return this.#now() - this.#lastMove;
  }

  /**
   * Bytes came from the plugin's side, or from the host that it asked.
   * @throws Refusal for those of a request that takes too long
   */
  moved(isAnswer: boolean): void {
    const now = this.#now();
    if (this.#isTunnel && this.#wasAnswer && !isAnswer) this.#began = now;
    [this.#lastMove, this.#wasAnswer] = [now, isAnswer];
    if (now - this.#began <= this.#requestMs) return;
    throw new Refusal(504, `a request took over ${this.#requestMs / 1000} s`, {
      setting: "PLUGIN_REQUEST_SECONDS",
    });
  }
}
