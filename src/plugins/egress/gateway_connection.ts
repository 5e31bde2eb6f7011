/** One connection of a plugin to the gateway: an HTTP request that names a target, and what follows. */
import { timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { Refusal } from "./admission.ts";

/** What a client asked for, taken from its first lines. */
export interface GatewayRequest {
  /** From `Proxy-Authorization`; empty where there was none. */
  readonly secret: string;
  readonly host: string;
  readonly port: number;
  /** Null for CONNECT; otherwise the head to send on, for plain HTTP. */
  readonly head: string | null;
}

const MAX_HEAD = 64 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

/** Headers that are between a client and its proxy, or that would keep a connection open. */
const HOP_BY_HOP = /^(proxy-[a-z-]*|connection|keep-alive|te|upgrade|trailer|x-paddock-refused)$/i;

/**
 * Reads to the end of a head, and returns it with the bytes that came behind it.
 * @throws Refusal if it is too long; null at the end of the stream
 */
export async function readHead(
  connection: Deno.Conn,
): Promise<{ readonly head: string; readonly rest: Uint8Array } | null> {
  let read = Buffer.alloc(0);
  const chunk = new Uint8Array(16 * 1024);
  while (true) {
    const end = read.indexOf(HEAD_END);
    if (end !== -1) {
      return { head: read.toString("latin1", 0, end), rest: read.subarray(end + HEAD_END.length) };
    }
    if (read.length > MAX_HEAD) throw new Refusal(431, "its head is too long");
    const count = await connection.read(chunk);
    if (count === null) return null;
    read = Buffer.concat([read, chunk.subarray(0, count)]);
  }
}

/**
 * Takes a proxy request apart: `CONNECT host:port`, or a plain HTTP request with a whole URL.
 * @throws Refusal for anything else
 */
export function parseRequest(text: string): GatewayRequest {
  const [line = "", ...headers] = text.split("\r\n");
  const [, method = "", target = ""] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
  const secret = secretIn(headers);
  if (method === "CONNECT") {
    const [, host = "", port = ""] = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(target) ?? [];
    if (host === "") throw new Refusal(400, "it is no CONNECT request");
    return { secret, host, port: Number(port), head: null };
  }
  if (!URL.canParse(target) || new URL(target).protocol !== "http:") {
    throw new Refusal(400, "it is no request for a proxy");
  }
  const url = new URL(target);
  // One request per connection: the next may be for another host.
  const kept = headers.filter((header) => !HOP_BY_HOP.test(header.slice(0, header.indexOf(":"))));
  const head = [`${method} ${url.pathname}${url.search} HTTP/1.1`, ...kept, "Connection: close"];
  return { secret, host: url.hostname, port: Number(url.port || 80), head: toHead(head) };
}

/** The head of a response, saying that its connection ends with it. */
export function closingResponseHead(head: string): string {
  const [line = "", ...headers] = head.split("\r\n");
  const kept = headers.filter((header) => !HOP_BY_HOP.test(header.slice(0, header.indexOf(":"))));
  return toHead([line, ...kept, "Connection: close"]);
}

/** True for a response that another one follows. */
export function isInterim(head: string): boolean {
  return /^HTTP\/1\.[01] 1(?!01)\d\d\b/.test(head);
}

/** The answer of a gateway that does not connect. */
export function refusalResponse({ status, message }: Refusal): string {
  const body = `${message}\n`;
  return toHead([
    `HTTP/1.1 ${status} Refused`,
    "Content-Type: text/plain",
    // By which `fetch` in a plugin tells this answer from one of the host it asked.
    "X-Paddock-Refused: 1",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ]) + body;
}

/** Compared without telling by the time it takes how much of it was right. */
export function sameSecret(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)];
  return first.length === second.length && timingSafeEqual(first, second);
}

function secretIn(headers: readonly string[]): string {
  for (const header of headers) {
    const [, encoded] = /^proxy-authorization: *basic (\S+)$/i.exec(header) ?? [];
    if (encoded === undefined) continue;
    return Buffer.from(encoded, "base64").toString().replace(/^[^:]*:/, "");
  }
  return "";
}

function toHead(lines: readonly string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}
