/** What a plugin's process asks the server for, in the plugin's order. */
import {
  type ApiCall,
  encodeFrame,
  type Frame,
  FrameType,
  MAX_CALLS_BYTES,
} from "../../../plugins_runtime/frames.ts";
import type { PluginApi, PluginCallResult, PluginConfig } from "../types.ts";
import { readCalls } from "./host_reports.ts";
import { SharedTexts } from "./shared_texts.ts";

/** Calls of one plugin that are being answered; its worker keeps to fewer, unless it was broken. */
const MAX_UNANSWERED_CALLS = 50_000;

const encoder = new TextEncoder();

/** A frame whose calls wait for those before them. */
interface WaitingFrame {
  readonly id: number;
  readonly calls: readonly ApiCall[];
  readonly bytes: number;
  readonly send: (frame: Uint8Array) => void;
}

export class CallRelay {
  readonly #api: PluginApi;
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  readonly #shared = new SharedTexts();
  #answered: Promise<void> = Promise.resolve();
  #unanswered = 0;
  #waiting: WaitingFrame[] = [];

  constructor(api: PluginApi, configs: ReadonlyMap<number, PluginConfig>) {
    this.#api = api;
    this.#configs = configs;
  }

  /**
   * Answers the calls of a frame. Frames that come while others are being answered are put together,
   * so that a plugin that asks little and often costs few round trips as well.
   * @param send takes the answers' frame
   * @throws Error where the frame is none, or too much is asked for
   */
  receive({ id, payload }: Pick<Frame, "id" | "payload">, send: (frame: Uint8Array) => void): void {
    const calls: readonly ApiCall[] = readCalls(payload);
    this.#unanswered += calls.length;
    if (this.#unanswered > MAX_UNANSWERED_CALLS) throw new RangeError("too many calls at a time");
    this.#waiting.push({ id, calls, bytes: payload.byteLength, send });
    if (this.#waiting.length === 1) {
      this.#answered = this.#answered.then(() => this.#answerWaiting());
    }
  }

  /** Runs something once all that was asked for so far is answered; at once where it is. */
  after(run: () => void): void {
    if (this.#unanswered === 0) run();
    else this.#answered = this.#answered.then(run);
  }

  async #answerWaiting(): Promise<void> {
    const frames = this.#waiting;
    this.#waiting = [];
    let together: WaitingFrame[] = [];
    let bytes = 0;
    for (const frame of frames) {
      if (together.length > 0 && bytes + frame.bytes > MAX_CALLS_BYTES) {
        await this.#answer(together);
        [together, bytes] = [[], 0];
      }
      together.push(frame);
      bytes += frame.bytes;
    }
    await this.#answer(together);
  }

  /** Never rejects, whatever was asked. */
  async #answer(frames: readonly WaitingFrame[]): Promise<void> {
    const answers = await this.#api.call(
      this.#configs,
      frames.flatMap(({ calls }) =>
        calls.map(({ configId, method, args }) => ({ pluginConfigId: configId, method, args }))
      ),
    );
    let at = 0;
    for (const { id, calls, send } of frames) {
      const mine = answers.slice(at, at + calls.length);
      at += calls.length;
      this.#unanswered -= calls.length;
      const text = `[${mine.map((each) => this.#text(each)).join()}]`;
      send(encodeFrame(FrameType.Answers, id, encoder.encode(text)));
    }
  }

  /** An `ApiAnswer` as JSON. */
  #text(answer: PluginCallResult): string {
    if (!("shared" in answer)) return JSON.stringify(answer);
    const { shared, rest } = answer;
    const known = this.#shared.numberOf(shared);
    if (known === null) return `{"ok":true,"value":${shared}${rest}}`;
    const text = known.isNew ? { text: shared } : {};
    return JSON.stringify({ ok: true, shared: known.number, ...text, rest });
  }
}
