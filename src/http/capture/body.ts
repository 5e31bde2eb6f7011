/** What a capture request carries, out of its many wrappings. */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gunzip as gunzipCallback } from "node:zlib";
import LZString from "lz-string";
import { errorMessage } from "../../errors.ts";
import { invalidPayload, Refusal } from "./refusal.ts";

const gunzip = promisify(gunzipCallback);

export interface BodyLimits {
  readonly maxBytes: number;
  readonly maxDecompressedBytes: number;
}

/** A request's payload and what stood beside it. */
export interface CaptureBody {
  /** Parsed JSON; never null, false, 0, an empty text, list or object. */
  readonly payload: unknown;
  readonly query: URLSearchParams;
  /** Fields of a form body; empty where the body is none. */
  readonly form: URLSearchParams;
}

const NO_DATA = "No data found. Make sure to use a POST request when sending the payload in the " +
  "body of the request.";

/**
 * Reads, decompresses and parses.
 * @throws Refusal 400 with the reason; 413 for what is larger than the limits
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<CaptureBody> {
  const query = new URL(request.url).searchParams;
  const { data, form } = await readData(request, query, limits);
  if (data.byteLength === 0) throw new Refusal(400, "no_data", NO_DATA);
  const compression = (query.get("compression") ?? form.get("compression") ??
    request.headers.get("content-encoding") ?? "").toLowerCase();
  const text = await decompressed(data, compression, limits);
  const payload = parse(text);
  if (isEmpty(payload)) throw new Refusal(400, "no_data", NO_DATA);
  return { payload, query, form };
}

async function readData(
  request: Request,
  query: URLSearchParams,
  limits: BodyLimits,
): Promise<{ data: Buffer; form: URLSearchParams }> {
  const noForm = new URLSearchParams();
  if (request.method !== "POST") {
    return { data: Buffer.from(query.get("data") ?? ""), form: noForm };
  }
  const body = await readLimited(request, limits.maxBytes);
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") {
    // `curl -d '{…}'` says that it sends a form, and means JSON.
    if (/^\s*[[{]/.test(body.subarray(0, 100).toString())) return { data: body, form: noForm };
    const form = new URLSearchParams(body.toString());
    return { data: Buffer.from(form.get("data") ?? ""), form };
  }
  if (type === "multipart/form-data") return await multipart(body, request.headers);
  return { data: body, form: noForm };
}

async function multipart(
  body: Buffer,
  headers: Headers,
): Promise<{ data: Buffer; form: URLSearchParams }> {
  const form = new URLSearchParams();
  let data = Buffer.alloc(0);
  try {
    const contentType = headers.get("content-type") ?? "";
    const fields = await new Response(new Uint8Array(body), {
      headers: { "content-type": contentType },
    }).formData();
    for (const [name, value] of fields) {
      const bytes = typeof value === "string"
        ? Buffer.from(value)
        : Buffer.from(await value.arrayBuffer());
      if (name === "data") data = bytes;
      else form.set(name, bytes.toString());
    }
  } catch (error) {
    throw invalidPayload(`Malformed request data: ${errorMessage(error)}`);
  }
  return { data, form };
}

/** The body, as long as it is no larger than allowed: what claims to be short is not believed. */
async function readLimited(request: Request, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new Refusal(413, "payload_too_large", `The body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function decompressed(
  data: Buffer,
  compression: string,
  limits: BodyLimits,
): Promise<string> {
  if (compression === "gzip" || compression === "gzip-js") {
    return plainText(await inflated(data, limits.maxDecompressedBytes), "");
  }
  if (compression === "lz64") {
    const text = LZString.decompressFromBase64(data.toString().replaceAll(" ", "+"));
    if (!text) throw invalidPayload("Malformed request data: Failed to decompress data.");
    if (text.length > limits.maxDecompressedBytes) throw tooLargeInside(limits);
    return plainText(Buffer.from(text), "");
  }
  return plainText(data, compression);
}

async function inflated(data: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await gunzip(data, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") {
      throw tooLargeInside({ maxDecompressedBytes: maxBytes });
    }
    throw invalidPayload(
      `Malformed request data: Failed to decompress data. ${errorMessage(error)}`,
    );
  }
}

function tooLargeInside({ maxDecompressedBytes }: { maxDecompressedBytes: number }): Refusal {
  return new Refusal(
    413,
    "payload_too_large",
    `The body is larger than ${maxDecompressedBytes} bytes after decompression.`,
  );
}

/**
 * JSON text as it is, or out of base64. Which of them it is shows in the first character: JSON of
 * any use begins with a brace, a bracket or a quote, and base64 never does.
 */
function plainText(data: Buffer, compression: string): string {
  const text = data.toString();
  const isJson = /^\s*[[{"]/.test(text.slice(0, 100));
  if (isJson && compression !== "base64") return text;
  const decoded = Buffer.from(text.replaceAll(" ", "+"), "base64").toString();
  return /^\s*[[{"]/.test(decoded.slice(0, 100)) ? decoded : text;
}

/** JSON, and the three numbers that Python writes though JSON has none of them, as null. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const mended = withoutPythonNumbers(text);
    if (mended !== null) {
      try {
        return JSON.parse(mended);
      } catch {
        // The first error is the one that says what was sent.
      }
    }
    throw invalidPayload(`Malformed request data: Invalid JSON: ${errorMessage(error)}`);
  }
}

/** `NaN` and the infinities outside of strings become null; null when there are none. */
function withoutPythonNumbers(text: string): string | null {
  if (!/NaN|Infinity/.test(text)) return null;
  return text.replace(
    /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g,
    (match) => match.startsWith('"') ? match : "null",
  );
}

function isEmpty(payload: unknown): boolean {
  if (!payload) return true;
  return typeof payload === "object" && Object.keys(payload).length === 0;
}
