import { FRAME_HEADER_BYTES, FRAME_VERSION, MAX_FRAME_BYTES } from "./frames.ts";

/** Bytes of the length that a frame begins with, which does not count them. */
const LENGTH_BYTES = 4;

/** Memory for a frame whose length is only claimed; more is taken as its bytes come. */
const FIRST_BYTES = 256 * 1024;

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  /** Of the frame that comes next, until it is there in full. */
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #frame: Uint8Array<ArrayBuffer> | null = null;
  /** Bytes of the header, or of the frame with it, that are there. */
  #filled = 0;
  #length = 0;

  /**
   * The frames that are complete with this chunk, each in memory of its own. Nothing is kept of the
   * chunk's memory.
   * @throws RangeError for a frame above `MAX_FRAME_BYTES`; Error for another version
   */
  push(chunk: Uint8Array): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < chunk.byteLength;) {
      const space = this.#frame === null ? this.#header : this.#roomy(this.#frame);
      const part = chunk.subarray(at, at + space.byteLength - this.#filled);
      space.set(part, this.#filled);
      at += part.byteLength;
      this.#filled += part.byteLength;
      if (this.#frame === null && this.#filled === FRAME_HEADER_BYTES) this.#begin();
      if (this.#frame !== null && this.#filled === this.#length) {
        frames.push(this.#frame);
        [this.#frame, this.#filled] = [null, 0];
      }
    }
    return frames;
  }

  #begin(): void {
    const view = new DataView(this.#header.buffer);
    const length = view.getUint32(0);
    if (length < FRAME_HEADER_BYTES - LENGTH_BYTES || length > MAX_FRAME_BYTES) {
      throw new RangeError(`a frame of ${length} bytes`);
    }
    if (view.getUint8(LENGTH_BYTES) !== FRAME_VERSION) {
      throw new Error(`frame version ${view.getUint8(LENGTH_BYTES)}`);
    }
    this.#length = length + LENGTH_BYTES;
    this.#frame = new Uint8Array(Math.min(this.#length, FIRST_BYTES));
    this.#frame.set(this.#header);
  }

  /** The frame with room for more bytes: twice as much each time, so that copying stays linear. */
  #roomy(frame: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.#filled < frame.byteLength) return frame;
    const larger = new Uint8Array(Math.min(this.#length, frame.byteLength * 2));
    larger.set(frame);
    this.#frame = larger;
    return larger;
  }
}
