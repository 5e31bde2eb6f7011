/**
 * Arrays in Postgres's binary wire form. Sent so, a batch of JSON texts needs no escaping here and
 * no unescaping there. The form is that of `array_recv`: dimensions, a null flag, the element's
 * type oid, then each element with its length.
 */
import { Buffer } from "node:buffer";

const INT_OID = 23;
const TEXT_OID = 25;
const JSONB_OID = 3802;
const HEADER_BYTES = 20;
/** The only version of jsonb's binary form. */
const JSONB_VERSION = 1;

/** A `text[]` parameter. */
export function textArray(values: readonly (string | null)[]): Buffer {
  return encode(values, TEXT_OID, false);
}

/** A `jsonb[]` parameter from JSON texts. */
export function jsonbArray(values: readonly (string | null)[]): Buffer {
  return encode(values, JSONB_OID, true);
}

/** An `int[]` parameter. */
export function intArray(values: readonly number[]): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + 8 * values.length);
  let at = writeHeader(buffer, INT_OID, values.length);
  for (const value of values) {
    at = buffer.writeInt32BE(4, at);
    at = buffer.writeInt32BE(value, at);
  }
  return buffer.subarray(0, at);
}

function encode(values: readonly (string | null)[], oid: number, versioned: boolean): Buffer {
  const prefix = versioned ? 1 : 0;
  let size = HEADER_BYTES;
  // UTF-8 takes three bytes per UTF-16 unit at most; the buffer is cut to what was used.
  for (const value of values) size += 4 + (value === null ? 0 : prefix + Buffer.byteLength(value));
  const buffer = Buffer.allocUnsafe(size);
  let at = writeHeader(buffer, oid, values.length);
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(-1, at);
      at += 4;
      continue;
    }
    if (versioned) buffer[at + 4] = JSONB_VERSION;
    const written = buffer.write(value, at + 4 + prefix);
    buffer.writeInt32BE(prefix + written, at);
    at += 4 + prefix + written;
  }
  return buffer.subarray(0, at);
}

/** Returns where it ends: an empty array has no dimension. */
function writeHeader(buffer: Buffer, oid: number, length: number): number {
  buffer.writeInt32BE(length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(oid, 8);
  if (length === 0) return 12;
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return HEADER_BYTES;
}
