/** The worker's end of the road to the server. */
import { type ApiAnswer, encodeFrame, FrameType, type LogLine, MAX_CALLS_BYTES } from "./frames.ts";

// Captured while this module loads, which is before any plugin text: what a plugin does to the
// prototypes later does not reach these.
const writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
const subarray: (bytes: Uint8Array, begin: number) => Uint8Array = Function.prototype.call.bind(
  Uint8Array.prototype.subarray,
);
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const decoder = new TextDecoder();
const decode = decoder.decode.bind(decoder);
const stringify = JSON.stringify;
const parse = JSON.parse;
const now = performance.now.bind(performance);
const soon = queueMicrotask.bind(globalThis);
const atTurnsEnd = setImmediate.bind(globalThis);

/** JSON text as bytes. */
export function toBytes(text: string): Uint8Array {
  return encode(text);
}

/** Bytes as the text that they are. */
export function toText(bytes: Uint8Array): string {
  return decode(bytes);
}

/** A JSON payload as a value. */
export function fromBytes(bytes: Uint8Array): unknown {
  return parse(decode(bytes));
}

/** So much is sent at once; less waits for the end of the turn, together with what else comes. */
const SEND_AT_ONCE_BYTES = 16 * 1024;

let gathered: Uint8Array<ArrayBuffer>[] = [];
let gatheredBytes = 0;

/** Sends a whole frame, soon; its memory is gone afterwards. */
export function sendFrame(frame: Uint8Array<ArrayBuffer>): void {
  if (gathered.length === 0) atTurnsEnd(flushFrames);
  gathered[gathered.length] = frame;
  gatheredBytes += frame.byteLength;
  if (gatheredBytes > SEND_AT_ONCE_BYTES) flushFrames();
}

/**
 * Writes what waits for the end of the turn now, because the turn may not end.
 *
 * Straight to the process's standard output, which the server reads: by the main isolate it would
 * take two more hops. It blocks while the pipe is full, so a plugin that floods waits for the server
 * instead of filling memory. Safe, as the plugin has no way to this function's file: `Deno` is gone
 * from its globals and no import answers.
 */
export function flushFrames(): void {
  if (gathered.length === 0) return;
  const frames = gathered;
  const joined = frames.length === 1
    ? frames[0] as Uint8Array<ArrayBuffer>
    : join(frames, gatheredBytes);
  const gatheredSize = gatheredBytes;
  gathered = [];
  gatheredBytes = 0;
  let at = writeSync(joined);
  while (at < gatheredSize) at += writeSync(subarray(joined, at));
}

function join(frames: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as Uint8Array;
    joined.set(frame, at);
    at += frame.byteLength;
  }
  return joined;
}

/** Sends a frame with a JSON payload. */
export function sendJson(type: FrameType, id: number, value: unknown): void {
  sendFrame(encodeFrame(type, id, encode(stringify(value))));
}

interface PendingCall {
  /** JSON `ApiCall`, written when the call was made: what is sent is what was given then. */
  readonly text: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Calls that wait for an answer at most; a plugin that makes more has to wait for some. */
const MAX_PENDING_CALLS = 10_000;

/**
 * Calls to the server, in the order in which the plugin made them: those of one tick go in one
 * frame, and the server works frames off one after the other.
 */
export class Calls {
  #gathered: PendingCall[] = [];
  #gatheredSize = 0;
  readonly #sent = new Map<number, PendingCall[]>();
  /** What answers begin with, by the number that the server gave it. */
  readonly #shared: string[] = [];
  #nextId = 1;
  #pending = 0;

  call(configId: number, method: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#pending >= MAX_PENDING_CALLS) {
        throw new Error(`over ${MAX_PENDING_CALLS} calls wait for an answer: await some of them`);
      }
      const given = stringify(args);
      // Most are far from the limit, so that their bytes need not be counted one by one.
      const size = given.length * 3 < MAX_CALLS_BYTES ? given.length * 3 : encode(given).byteLength;
      if (size > MAX_CALLS_BYTES) {
        throw new Error(`${method} was given ${size} bytes; at most ${MAX_CALLS_BYTES} may`);
      }
      if (this.#gatheredSize + size > MAX_CALLS_BYTES) this.#send();
      this.#gatheredSize += size;
      const text = `{"configId":${configId},"method":"${method}","args":${given}}`;
      if (this.#gathered.length === 0) soon(() => this.#send());
      this.#gathered[this.#gathered.length] = { text, resolve, reject };
      this.#pending++;
    });
  }

  answered(id: number, answers: readonly ApiAnswer[]): void {
    const calls = this.#sent.get(id);
    if (calls === undefined) return;
    this.#sent.delete(id);
    this.#pending -= calls.length;
    for (let index = 0; index < calls.length; index++) {
      const { resolve, reject } = calls[index] as PendingCall;
      const answer = answers[index];
      if (answer?.ok) resolve(this.#value(answer));
      else reject(new Error(answer?.error ?? "no answer"));
    }
  }

  #value(answer: ApiAnswer & { readonly ok: true }): unknown {
    if ("value" in answer) return answer.value;
    const { shared, text, rest } = answer;
    if (text !== undefined) this.#shared[shared] = text;
    return parse(this.#shared[shared] + rest);
  }

  #send(): void {
    const calls = this.#gathered;
    if (calls.length === 0) return;
    this.#gathered = [];
    this.#gatheredSize = 0;
    const id = this.#nextId++;
    this.#sent.set(id, calls);
    let texts = (calls[0] as PendingCall).text;
    for (let index = 1; index < calls.length; index++) {
      texts += `,${(calls[index] as PendingCall).text}`;
    }
    sendFrame(encodeFrame(FrameType.Calls, id, encode(`[${texts}]`)));
  }
}

/** Log lines on their way to the server, a bounded number a second. */
export class LogChannel {
  readonly #linesPerSecond: number;
  readonly #lineLength: number;
  #gathered = "";
  #secondBegan = 0;
  #inSecond = 0;
  #dropped = 0;
  /** Of the last line that was. */
  #droppedOf: LogLine["configId"] = null;

  /** @param lineLength characters of one line that are kept */
  constructor(linesPerSecond: number, lineLength: number) {
    this.#linesPerSecond = linesPerSecond;
    this.#lineLength = lineLength;
  }

  write(line: LogLine): void {
    this.sayDropped();
    const moment = now();
    if (moment - this.#secondBegan >= 1000) [this.#secondBegan, this.#inSecond] = [moment, 0];
    if (this.#inSecond >= this.#linesPerSecond) {
      this.#dropped++;
      this.#droppedOf = line.configId;
      return;
    }
    this.#inSecond++;
    this.#gather({ ...line, message: line.message.slice(0, this.#lineLength) });
  }

  /** Says how many lines were too many, once their second is over; to be called now and then. */
  sayDropped(): void {
    if (this.#dropped === 0 || now() - this.#secondBegan < 1000) return;
    const message =
      `${this.#dropped} log lines were dropped: over ${this.#linesPerSecond} a second`;
    this.#gather({ configId: this.#droppedOf, type: "WARN", message });
    this.#dropped = 0;
  }

  /** As JSON at once: a short piece of a huge text would keep all of it in memory. */
  #gather(line: LogLine): void {
    const text = stringify(line);
    if (this.#gathered !== "") {
      this.#gathered += `,${text}`;
      return;
    }
    this.#gathered = text;
    soon(() => this.send());
  }

  /** Sends what was said: before the result of the event in which it was. */
  send(): void {
    const lines = this.#gathered;
    if (lines === "") return;
    this.#gathered = "";
    sendFrame(encodeFrame(FrameType.Log, 0, encode(`[${lines}]`)));
  }
}
