/** A real HTTP endpoint on loopback that accepts lists of numbers, and fails as it is told. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What the endpoint does with its nth request, counted from one. */
export type Behaviour = (request: number) => "accept" | "fail" | "hang" | "reset";

export interface Endpoint extends AsyncDisposable {
  readonly port: number;
  /** What it accepted, a list per request. */
  readonly batches: number[][];
  behave(behaviour: Behaviour): void;
  /** What it accepted, each once. */
  numbers(): Set<number>;
}

/** @param port one that is free, where it matters which; any otherwise */
export async function startEndpoint(port = 0): Promise<Endpoint> {
  const batches: number[][] = [];
  let behaviour: Behaviour = () => "accept";
  let requests = 0;
  const server = createServer(async (request, response) => {
    let text = "";
    try {
      for await (const chunk of request) text += chunk;
    } catch {
      // The sender gave up in the middle: it counts as never sent.
      return;
    }
    switch (behaviour(++requests)) {
      case "accept":
        batches.push(JSON.parse(text));
        response.end("ok");
        return;
      case "fail":
        response.statusCode = 500;
        response.end("no");
        return;
      case "reset":
        response.destroy();
        return;
      case "hang":
        // Never answered: the sender has to give up.
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    batches,
    behave: (next) => behaviour = next,
    numbers: () => new Set(batches.flat()),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
