/**
 * Frames that call a function of a plugin other than those that change events: hooks that are told
 * of stored events, jobs, and scheduled tasks.
 */
import { allocateFrame, FRAME_HEADER_BYTES, FrameType, type PluginError } from "./frames.ts";

/** What is called. */
export interface HookRequest {
  /** `onEvent`, `onSnapshot`, `exportEvents`, `job`, or the name of a scheduled task. */
  readonly hook: string;
  readonly configId: number;
  /** Of the job. */
  readonly job: string | null;
}

/** What came of it. */
export interface HookReport {
  /** False where the config is not set up (yet): nothing was called. */
  readonly isReady: boolean;
  /** The call as a whole failed. */
  readonly error: PluginError | null;
  /** The plugin asks to be called again later, or did not come to an end. */
  readonly isRetryable: boolean;
  /** Where the hook is called per event: those for which it failed. */
  readonly failures: readonly { readonly index: number; readonly error: PluginError }[];
}

const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const decoder = new TextDecoder();
const decode = decoder.decode.bind(decoder);
const { stringify, parse } = JSON;

/**
 * Payload: u32 length of the request, the request as JSON, u32 count, then each text behind its u32
 * length. The texts are JSON: events, or the payload of a job.
 */
export function encodeHookCall(
  id: number,
  request: HookRequest,
  texts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const header = encode(stringify(request));
  let size = 8 + header.byteLength;
  for (const text of texts) size += 4 + text.byteLength;
  const frame = allocateFrame(FrameType.HookCall, id, size);
  const view = new DataView(frame.buffer);
  view.setUint32(FRAME_HEADER_BYTES, header.byteLength);
  frame.set(header, FRAME_HEADER_BYTES + 4);
  let at = FRAME_HEADER_BYTES + 4 + header.byteLength;
  view.setUint32(at, texts.length);
  at += 4;
  for (const text of texts) {
    view.setUint32(at, text.byteLength);
    frame.set(text, at + 4);
    at += 4 + text.byteLength;
  }
  return frame;
}

/** The other way round. */
export function decodeHookCall(
  payload: Uint8Array,
): { readonly request: HookRequest; readonly texts: Uint8Array[] } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let at = 4 + view.getUint32(0);
  const request = parse(decode(payload.subarray(4, at))) as HookRequest;
  const count = view.getUint32(at);
  at += 4;
  const texts: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const length = view.getUint32(at);
    texts[index] = payload.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return { request, texts };
}

/** What a frame claims to have come of a call; it is from the fence, so nothing in it is believed. */
export function readHookReport(payload: Uint8Array): HookReport {
  const { isReady, error, isRetryable, failures } = parse(decode(payload)) as Partial<HookReport>;
  return {
    isReady: isReady === true,
    error: error === null || error === undefined ? null : claimedError(error),
    isRetryable: isRetryable === true,
    failures: Array.isArray(failures)
      ? failures.map((failure) => ({
        index: Number(failure?.index),
        error: claimedError(failure?.error),
      }))
      : [],
  };
}

/** An error as a frame claims it: at least with a message. */
export function claimedError(claimed: unknown): PluginError {
  const { name, message, stack } = (claimed ?? {}) as Record<string, unknown>;
  return {
    message: String(message),
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof stack === "string" ? { stack } : {}),
  };
}
