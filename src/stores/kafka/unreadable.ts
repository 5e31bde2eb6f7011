import { UnsupportedCompressionError } from "@platformatic/kafka";
import { errorMessage } from "../../errors.ts";

/**
 * Why what a broker sent cannot be read: it is compressed in a way that nobody knows, or damaged. Null
 * where an error says something else, or where there is none.
 */
export function unreadableReason(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const inner: readonly unknown[] = error instanceof AggregateError ? error.errors : [error.cause];
  for (const each of inner) {
    const reason = unreadableReason(each);
    if (reason !== null) return reason;
  }
  const code = "code" in error ? String(error.code) : "";
  // The decompressors of snappy and lz4 are in WebAssembly, and say no more than that they gave up.
  if (error instanceof WebAssembly.RuntimeError) return "damaged snappy or lz4";
  const isDecoding = error instanceof UnsupportedCompressionError || error instanceof RangeError ||
    code === "OUT_OF_BOUNDS" || code.startsWith("Z_") ||
    /^(Zstd decompress error|Invalid xerial snappy)/.test(error.message);
  return isDecoding ? errorMessage(error) : null;
}
