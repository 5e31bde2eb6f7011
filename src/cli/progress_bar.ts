/** How far long work is: a bar on a terminal, a line now and then elsewhere. */
import type { CommandOutput } from "./command_output.ts";

const WIDTH = 30;
const LINE_MS = 5_000;

export class ProgressBar {
  readonly #output: CommandOutput;
  readonly #what: string;
  #next = 0;
  #isDrawn = false;

  /** @param what is counted, e.g. `dead letters` */
  constructor(output: CommandOutput, what: string) {
    this.#output = output;
    this.#what = what;
  }

  show(done: number, total: number): void {
    const share = total === 0 ? 1 : Math.min(done / total, 1);
    const text = `${Math.floor(share * 100)} %, ${done} of ${total} ${this.#what}`;
    if (this.#output.redraw !== undefined) {
      const filled = Math.round(share * WIDTH);
      this.#output.redraw(`[${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}] ${text}`);
      this.#isDrawn = true;
      return;
    }
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + LINE_MS;
    this.#output.complain(text);
  }

  /** Leaves the line that the bar is on. */
  end(): void {
    if (this.#isDrawn) this.#output.complain("");
  }
}
