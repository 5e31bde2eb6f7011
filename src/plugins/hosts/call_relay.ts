/** What a plugin's process asks the server for, frame by frame in the plugin's order. */
import {
  type ApiCall,
  encodeFrame,
  type Frame,
  FrameType,
} from "../../../plugins_runtime/frames.ts";
import type { PluginApi, PluginConfig } from "../types.ts";
import { readCalls } from "./host_reports.ts";

/** Calls of one plugin that are being answered; its worker keeps to fewer, unless it was broken. */
const MAX_UNANSWERED_CALLS = 50_000;

const encoder = new TextEncoder();

export class CallRelay {
  readonly #api: PluginApi;
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  #answered: Promise<void> = Promise.resolve();
  #unanswered = 0;

  constructor(api: PluginApi, configs: ReadonlyMap<number, PluginConfig>) {
    this.#api = api;
    this.#configs = configs;
  }

  /**
   * Answers the calls of a frame.
   * @param send takes the answers' frame
   * @throws Error where the frame is none, or too much is asked for
   */
  receive({ id, payload }: Pick<Frame, "id" | "payload">, send: (frame: Uint8Array) => void): void {
    const calls: readonly ApiCall[] = readCalls(payload);
    this.#unanswered += calls.length;
    if (this.#unanswered > MAX_UNANSWERED_CALLS) throw new RangeError("too many calls at a time");
    this.#answered = this.#answered.then(async () => {
      // Never rejects, whatever was asked.
      const answers = await this.#api.call(
        this.#configs,
        calls.map(({ configId, method, args }) => ({ pluginConfigId: configId, method, args })),
      );
      this.#unanswered -= calls.length;
      send(encodeFrame(FrameType.Answers, id, encoder.encode(JSON.stringify(answers))));
    });
  }

  /** Runs something once all that was asked for so far is answered; at once where it is. */
  after(run: () => void): void {
    if (this.#unanswered === 0) run();
    else this.#answered = this.#answered.then(run);
  }
}
