/** A proxy on loopback that passes requests on to a server, or fails as it is told. */
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import type { Behaviour } from "./export_endpoint.ts";

export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** Requests so far, whatever became of them. */
  readonly requests: number;
  behave(behaviour: Behaviour): void;
}

/** @param port of the server on loopback behind it */
export async function startFaultyProxy(port: number): Promise<FaultyProxy> {
  let behaviour: Behaviour = () => "accept";
  let requests = 0;
  const server = createServer((incoming, response) => {
    switch (behaviour(++requests)) {
      case "accept": {
        const { method, url: path, headers } = incoming;
        const outgoing = send({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        });
        outgoing.on("error", () => response.destroy());
        incoming.pipe(outgoing);
        return;
      }
      case "fail":
        incoming.resume();
        incoming.on("end", () => {
          response.statusCode = 500;
          response.end("no");
        });
        return;
      case "reset":
        response.destroy();
        return;
      case "hang":
        // Never answered: the sender has to give up.
        incoming.resume();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    behave: (next) => behaviour = next,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
