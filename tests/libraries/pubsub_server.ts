/** As much of Pub/Sub's gRPC interface as publishers use, over HTTP/2 without TLS, on loopback. */
import { Buffer } from "node:buffer";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** gRPC's status numbers. */
const OK = 0;
const NOT_FOUND = 5;
const UNAVAILABLE = 14;

export interface PubSubServer extends AsyncDisposable {
  readonly port: number;
  /** `data` of every message. */
  readonly messages: readonly string[];
  /** What the nth call to Publish, counted from one, is answered with. */
  behave(behaviour: (call: number) => "accept" | "fail" | "reset"): void;
}

/** @param topic whole name of the only topic that is there */
export async function startPubSub(topic: string): Promise<PubSubServer> {
  const messages: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let behaviour: Parameters<PubSubServer["behave"]>[0] = () => "accept";
  let calls = 0;
  const server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.on("stream", async (stream, headers) => {
    stream.on("error", () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    // Behind the five bytes of its frame.
    const fields = readFields(Buffer.concat(chunks).subarray(5));
    const named = fields.find(({ number }) => number === 1)?.bytes.toString();
    if (named !== topic) return answer(stream, NOT_FOUND);
    if (headers[":path"] !== "/google.pubsub.v1.Publisher/Publish") {
      return answer(stream, OK, writeField(1, Buffer.from(topic)));
    }
    const next = behaviour(++calls);
    if (next === "reset") return stream.session?.destroy();
    if (next === "fail") return answer(stream, UNAVAILABLE);
    const published = fields.filter(({ number }) => number === 2).map(({ bytes }) =>
      readFields(bytes).find(({ number }) => number === 1)?.bytes.toString() ?? ""
    );
    const ids = published.map((_, index) =>
      writeField(1, Buffer.from(String(messages.length + index)))
    );
    messages.push(...published);
    answer(stream, OK, Buffer.concat(ids));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    behave: (next) => behaviour = next,
    [Symbol.asyncDispose]: () => {
      for (const session of sessions) session.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(stream: ServerHttp2Stream, status: number, message?: Buffer): void {
  // With its session, which another call may have ended.
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status) }));
  if (message === undefined) return void stream.end();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
}

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
}

/** The length-delimited fields of a protocol buffer; no others are sent here. */
function readFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const readNumber = () => {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = readNumber();
    if ((tag & 7) !== 2) throw new Error(`a field of wire type ${tag & 7}`);
    const length = readNumber();
    fields.push({ number: tag >> 3, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

function writeField(number: number, bytes: Buffer): Buffer {
  const head = [(number << 3) | 2];
  let { length } = bytes;
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, length]), bytes]);
}
