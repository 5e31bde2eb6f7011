/**
 * Arrays in Postgres's binary wire form. Sent so, a batch of JSON texts needs no escaping here and
 * no unescaping there. The form is that of `array_recv`: dimensions, a null flag, the element's
 * type oid, then each element with its length.
 */
import { Buffer } from "node:buffer";

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

function encode(values: readonly (string | null)[], oid: number, versioned: boolean): Buffer {
  const prefix = versioned ? 1 : 0;
  let size = HEADER_BYTES;
  // UTF-8 takes three bytes per UTF-16 unit at most; the buffer is cut to what was used.
  for (const value of values) size += 4 + (value === null ? 0 : prefix + Buffer.byteLength(value));
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
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
  return values.length === 0 ? buffer.subarray(0, 12) : buffer.subarray(0, at);
}
