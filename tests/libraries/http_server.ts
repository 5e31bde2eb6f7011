/** A server on loopback that a test answers for, request by request. */
import { Buffer } from "node:buffer";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  readonly received: readonly ReceivedRequest[];
}

type Answer = { readonly status?: number; readonly body?: unknown } | "hang" | "reset";

/**
 * @param respond is asked for each request, with how many there were before
 * @param tls key and certificate, for a server with TLS
 */
export async function startHttp(
  respond: (request: ReceivedRequest, before: number) => Answer,
  tls?: { readonly key: string; readonly cert: string },
): Promise<HttpServer> {
  const received: ReceivedRequest[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const read = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks),
    };
    const answer = respond(read, received.length);
    received.push(read);
    if (answer === "reset") return void response.destroy();
    if (answer === "hang") return;
    response.statusCode = answer.status ?? 200;
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {}));
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
