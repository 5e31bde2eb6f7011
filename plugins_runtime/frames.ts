/**
 * The frames between the server and a plugin host: length-prefixed, versioned, binary around JSON
 * texts. Neither side parses what it only passes on: an event is a JSON text here, whole and alone.
 *
 * ```
 * u32 length of the rest | u8 version | u8 type | u32 id | payload
 * ```
 * All integers are big-endian. A side that reads a length above its limit, or another version, ends
 * the connection: it does not talk to what it should.
 */

export const FRAME_VERSION = 1;

/** Bytes before the payload. */
export const FRAME_HEADER_BYTES = 10;

/** The largest frame that either side takes. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** What the calls of one frame have together; one that has more is refused. */
export const MAX_CALLS_BYTES = 2 * 1024 * 1024;

/**
 * By how much a plugin may let an event grow, and all events of one frame together. What it returns
 * is parsed and stored by the server, whose memory and time it must not choose.
 */
export const MAX_EVENT_GROWTH_BYTES = 1024 * 1024;
export const MAX_FRAME_GROWTH_BYTES = 8 * 1024 * 1024;

/** What a frame is. Numbers below 100 go to the host, the others come from it. */
export const FrameType = {
  /** JSON `LoadRequest`: once, the first frame. */
  Load: 1,
  /** Events for one config, or a part of them; answered by `Results` with the same id. */
  Events: 2,
  /** JSON `ApiAnswer[]`: what the calls of the `Calls` frame with the same id came to. */
  Answers: 3,
  /** JSON `{ configId }`: call setupPlugin again. */
  Setup: 4,
  /** Answered by `Pong` if the plugin lets its worker breathe. */
  Ping: 5,
  /** Call teardownPlugin of the config with this id, or with id 0 of all; answered by `TornDown`. */
  Teardown: 6,
  /** From the host itself, before `Load`: a library's name, a line feed, its text. */
  Library: 8,
  /** JSON `SiteAnswer`, for the `SiteRequest` with the same id. See `site_frames.ts`. */
  SiteAnswer: 7,
  /** Calls another function of the plugin; answered by `HookDone`. See `hook_frames.ts`. */
  HookCall: 20,

  /** JSON `LoadReport`. */
  Loaded: 101,
  /** Some or all results of an `Events` frame. */
  Results: 102,
  /** JSON `ApiCall[]`, answered by `Answers`. */
  Calls: 103,
  /** JSON `SetupReport`. */
  SetupDone: 104,
  /** With id 0 the answer to a ping; with id 1 some part of a long call came to its end. */
  Pong: 105,
  /** With the id of the `Teardown`. */
  TornDown: 106,
  /** JSON `LogLine[]`. */
  Log: 107,
  /** JSON `{ host, isOverLimit? }`: it was not granted, or too many requests are in flight. */
  Refused: 108,
  /** JSON `SiteRequest`, answered by `SiteAnswer`. */
  SiteRequest: 109,
  /** JSON `HookReport`, for the `HookCall` with the same id. */
  HookDone: 120,
} as const;

export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** A frame taken apart. */
export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

/** One config of the plugin, as its host gets it. */
export interface LoadConfig {
  readonly id: number;
  readonly teamId: number;
  readonly config: Record<string, unknown>;
  /** Contents in base64. */
  readonly attachments: Record<
    string,
    { readonly contentType: string; readonly fileName: string; readonly contents: string }
  >;
}

export interface LoadRequest {
  readonly pluginId: number;
  readonly pluginName: string;
  /** Of Paddock. */
  readonly version: string;
  /** Path → CommonJS text. */
  readonly files: Record<string, string>;
  /** Path → `mappings` of its source map, for files that are not as their author wrote them. */
  readonly maps: Record<string, string>;
  readonly main: string;
  readonly configs: readonly LoadConfig[];
  readonly taskTimeoutMs: number;
  readonly tasksPerWorker: number;
  readonly logLinesPerSecond: number;
  /** Characters of one line that are kept. */
  readonly logLineLength: number;
  /** The gateway through which it reaches the hosts it was granted; null where there are none. */
  readonly egress: { readonly gateway: string; readonly secret: string } | null;
  readonly egressLimits: { readonly requests: number; readonly requestMs: number };
}

/** What came of loading the code; setup is reported apart, per config. */
export interface LoadReport {
  readonly error: PluginError | null;
  readonly methods: readonly string[];
  readonly scheduledTasks: readonly string[];
  readonly jobs: readonly string[];
  /** Name → `sum`, `max` or `min`. */
  readonly metrics: Readonly<Record<string, string>>;
}

export interface SetupReport {
  readonly configId: number;
  readonly error: PluginError | null;
}

/** An error of the plugin's, as far as it could be read. */
export interface PluginError {
  readonly name?: string;
  readonly message: string;
  readonly stack?: string;
}

export interface LogLine {
  readonly configId: number | null;
  readonly type: "DEBUG" | "LOG" | "INFO" | "WARN" | "ERROR";
  readonly message: string;
}

export interface ApiCall {
  readonly configId: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/**
 * A `value`; or one whose JSON text is the text with the number `shared`, followed by `rest`. A `text`
 * is from then on the one with that number.
 */
export type ApiAnswer =
  | { readonly ok: true; readonly value: unknown }
  | {
    readonly ok: true;
    readonly shared: number;
    readonly text?: string;
    readonly rest: string;
  }
  | { readonly ok: false; readonly error: string };

/** What became of one event. */
export const ResultStatus = {
  /** The plugin left it alone, or has nothing to say about events. */
  Unchanged: 0,
  /** Followed by its new JSON text. */
  Changed: 1,
  Dropped: 2,
  /** Followed by JSON `PluginError`; the event stays as it was. */
  Failed: 3,
  /** The plugin is not set up, so the event passed it by. */
  PassedBy: 4,
  /** Changed, but what may not be changed was put back; JSON text follows. */
  ChangedAndCorrected: 5,
  /** As `Failed`, because the plugin did not come to an end. */
  TimedOut: 6,
} as const;

export type ResultStatus = (typeof ResultStatus)[keyof typeof ResultStatus];

/** The result of the event at `index` of its frame. */
export interface EventResult {
  readonly index: number;
  readonly status: number;
  readonly text: Uint8Array;
}

/** The same before it is bytes, as a worker makes it. */
export interface TextResult {
  readonly index: number;
  readonly status: number;
  readonly text: string;
}

// Captured, as plugin code shares the worker's world.
const encoder = new TextEncoder();
const encodeInto = encoder.encodeInto.bind(encoder);

const EMPTY = new Uint8Array(0);
const RESULT_HEADER_BYTES = 9;

/** A whole frame with room for a payload of `payloadBytes` behind its header. */
export function allocateFrame(
  type: FrameType,
  id: number,
  payloadBytes: number,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payloadBytes);
  writeHeader(new DataView(frame.buffer), 0, { type, id, payloadBytes });
  return frame;
}

function writeHeader(
  view: DataView,
  at: number,
  { type, id, payloadBytes }: { type: FrameType; id: number; payloadBytes: number },
): void {
  view.setUint32(at, FRAME_HEADER_BYTES + payloadBytes - 4);
  view.setUint8(at + 4, FRAME_VERSION);
  view.setUint8(at + 5, type);
  view.setUint32(at + 6, id);
}

/** A frame with this payload. */
export function encodeFrame(
  type: FrameType,
  id: number,
  payload: Uint8Array = EMPTY,
): Uint8Array<ArrayBuffer> {
  const frame = allocateFrame(type, id, payload.byteLength);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Takes apart a frame that is there in full. */
export function decodeFrame(frame: Uint8Array): Frame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return {
    type: view.getUint8(5),
    id: view.getUint32(6),
    payload: frame.subarray(FRAME_HEADER_BYTES),
  };
}

/**
 * Events to be worked on together come in parts of about so many bytes: the plugin is at the first
 * while the last are on their way. Less than a pipe holds.
 */
const PART_BYTES = 32 * 1024;
const PART_HEADER_BYTES = 16;
const LENGTH_BYTES = 4;

/** A part of the events that are worked on together. */
export interface EventsPart {
  readonly configId: number;
  /** Of all parts. */
  readonly total: number;
  /** Place of the first of these. */
  readonly first: number;
  readonly texts: readonly Uint8Array[];
}

/**
 * Frames for all of the texts, one behind the other. Payload of each: u32 config id, u32 total, u32
 * first, u32 count, then each text behind its u32 length.
 */
export function encodeEvents(
  id: number,
  configId: number,
  texts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const parts = partsOf(texts);
  let size = 0;
  for (const { bytes } of parts) size += FRAME_HEADER_BYTES + bytes;
  const frames = new Uint8Array(size);
  const view = new DataView(frames.buffer);
  let at = 0;
  for (const { first, end, bytes } of parts) {
    writeHeader(view, at, { type: FrameType.Events, id, payloadBytes: bytes });
    at += FRAME_HEADER_BYTES;
    view.setUint32(at, configId);
    view.setUint32(at + 4, texts.length);
    view.setUint32(at + 8, first);
    view.setUint32(at + 12, end - first);
    at += PART_HEADER_BYTES;
    for (let index = first; index < end; index++) {
      const text = texts[index] as Uint8Array;
      view.setUint32(at, text.byteLength);
      frames.set(text, at + LENGTH_BYTES);
      at += LENGTH_BYTES + text.byteLength;
    }
  }
  return frames;
}

/** Where texts are parted; at least one part, and one text in each unless there is none. */
function partsOf(
  texts: readonly Uint8Array[],
): { readonly first: number; readonly end: number; readonly bytes: number }[] {
  const parts = [];
  let [first, bytes] = [0, PART_HEADER_BYTES];
  for (const [index, text] of texts.entries()) {
    if (index > first && bytes + text.byteLength > PART_BYTES) {
      parts.push({ first, end: index, bytes });
      [first, bytes] = [index, PART_HEADER_BYTES];
    }
    bytes += LENGTH_BYTES + text.byteLength;
  }
  parts.push({ first, end: texts.length, bytes });
  return parts;
}

/** The payload of one frame. */
export function decodeEvents(payload: Uint8Array): EventsPart {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = view.getUint32(12);
  const texts: Uint8Array[] = [];
  let at = PART_HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    const length = view.getUint32(at);
    texts[index] = payload.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length);
    at += LENGTH_BYTES + length;
  }
  return { configId: view.getUint32(0), total: view.getUint32(4), first: view.getUint32(8), texts };
}

/**
 * Payload of `Results`: each u32 index, u8 status, u32 length, text.
 * @param bytesPerUnit room for each unit of a text; where one does not suffice it takes three
 */
export function encodeResults(
  id: number,
  results: readonly TextResult[],
  bytesPerUnit: 1 | 3 = 1,
): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (let i = 0; i < results.length; i++) {
    size += RESULT_HEADER_BYTES + (results[i] as TextResult).text.length * bytesPerUnit;
  }
  const frame = allocateFrame(FrameType.Results, id, size);
  const view = new DataView(frame.buffer);
  let at = FRAME_HEADER_BYTES;
  for (let i = 0; i < results.length; i++) {
    const { index, status, text } = results[i] as TextResult;
    const start = at + RESULT_HEADER_BYTES;
    const room = frame.subarray(start, start + text.length * bytesPerUnit);
    const { read, written } = encodeInto(text, room);
    if (read < text.length) return encodeResults(id, results, 3);
    view.setUint32(at, index);
    view.setUint8(at + 4, status);
    view.setUint32(at + 5, written);
    at = start + written;
  }
  view.setUint32(0, at - 4);
  return frame.subarray(0, at);
}

/** The other way round. Throws RangeError where the payload is cut short. */
export function decodeResults(payload: Uint8Array): EventResult[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const results: EventResult[] = [];
  for (let at = 0; at < payload.byteLength;) {
    const length = view.getUint32(at + 5);
    const end = at + RESULT_HEADER_BYTES + length;
    if (end > payload.byteLength) throw new RangeError("a result is cut short");
    results.push({
      index: view.getUint32(at),
      status: view.getUint8(at + 4),
      text: payload.subarray(at + RESULT_HEADER_BYTES, end),
    });
    at = end;
  }
  return results;
}
