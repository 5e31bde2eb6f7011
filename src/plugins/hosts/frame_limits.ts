/**
 * How much of the server's one thread a plugin process may have by what it says. Frames come out of
 * the fence and are parsed here: a frame that is larger than its kind ever is, or thousands that
 * bring no work to its end, would be time taken from everybody else.
 */
import { type Frame, FrameType, MAX_CALLS_BYTES } from "../../../plugins_runtime/frames.ts";

const KB = 1024;
const MB = 1024 * KB;

/** Payloads in bytes. Results are cut apart and not parsed, and bounded by the work they are for. */
const MAX_PAYLOAD: Readonly<Record<number, number>> = {
  [FrameType.Loaded]: MB,
  // Half as much again for what one call may have beyond the others.
  [FrameType.Calls]: MAX_CALLS_BYTES * 1.5,
  [FrameType.SiteRequest]: MAX_CALLS_BYTES * 1.5,
  [FrameType.SetupDone]: 256 * KB,
  [FrameType.Pong]: 0,
  [FrameType.TornDown]: 0,
  [FrameType.Log]: 4 * MB,
  [FrameType.Refused]: 4 * KB,
  [FrameType.HookDone]: 2 * MB,
};

/** @throws RangeError for a frame of more than its kind may have */
export function checkPayload({ type, payload }: Frame): void {
  const most = MAX_PAYLOAD[type];
  if (most !== undefined && payload.byteLength > most) {
    throw new RangeError(`a frame of type ${type} with ${payload.byteLength} bytes`);
  }
}

/** What an answer may have beyond its event: several times what looking things up adds to one. */
const PLAIN_GROWTH_BYTES = 16 * KB;
/** What a megabyte of it takes, until it is stored: it is read, parsed and written. */
const MS_PER_MB = 5;

/**
 * What answers cost the server by being larger than the work they are for, in ms of its time.
 * @param bytes of the answers, less those of what was sent
 */
export function growthMs(bytes: number, answers: number): number {
  return Math.max(0, bytes - answers * PLAIN_GROWTH_BYTES) / MB * MS_PER_MB;
}

const WINDOW_MS = 200;
/** A twentieth: what its parsing takes of every window before the rest of it waits in the pipe. */
const SHARE = 1 / 20;

/** The time that goes into what a process says beside its work. */
export class Chatter {
  #since = 0;
  #spent = 0;

  /** Notes `ms` of the server's time, at `now`. */
  spent(ms: number, now: number): void {
    if (now - this.#since >= WINDOW_MS) [this.#since, this.#spent] = [now, 0];
    this.#spent += ms;
  }

  /** How long the process is not to be listened to; 0 where it keeps within its share. */
  pauseMs(now: number): number {
    if (this.#spent <= WINDOW_MS * SHARE) return 0;
    // One huge frame is made up for as well, though not without end.
    const until = this.#since + Math.min(this.#spent / SHARE, WINDOW_MS * 5);
    return Math.max(0, until - now);
  }
}
