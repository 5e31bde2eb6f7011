/** A wire between a client and a server that can be cut without either of them being told. */
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing passes, and no connection is closed: both ends wait. */
  cut(): void;
  /**
   * Everything passes again, on new connections.
   * @param isLost whether the open ones stay dead, as behind a router that forgot them, instead of
   *   going on with what was held up
   */
  mend(isLost: boolean): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Listens on a free port of loopback and passes everything on to `target`. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let isCut = false;
  let pairs: Pair[] = [];
  /** Connections that nobody will ever answer. */
  const dead: Socket[] = [];
  const join = (client: Socket) => {
    const server = connect(target.port, target.host);
    const pair = { client, server };
    pairs.push(pair);
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => client.write(chunk));
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    server.on("error", () => client.destroy());
    client.resume();
  };
  const listener = createServer((client) => {
    client.on("error", () => {});
    client.setNoDelay(true);
    client.pause();
    if (isCut) waiting.push(client);
    else join(client);
  });
  /** Connected during the cut: their first words go nowhere. */
  let waiting: Socket[] = [];
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    cut() {
      isCut = true;
      for (const { client, server } of pairs) {
        client.pause();
        server.pause();
      }
    },
    mend(isLost) {
      isCut = false;
      const held = pairs;
      if (isLost) {
        pairs = [];
        for (const { client, server } of held) {
          // Neither end hears of the other again, not even that it is gone.
          for (const socket of [client, server]) {
            socket.removeAllListeners("data");
            socket.removeAllListeners("close");
            socket.resume();
            dead.push(socket);
          }
        }
      } else {
        for (const { client, server } of held) {
          client.resume();
          server.resume();
        }
      }
      for (const client of waiting) {
        if (isLost) dead.push(client);
        else join(client);
      }
      waiting = [];
    },
    async [Symbol.asyncDispose]() {
      for (const socket of [...dead, ...waiting]) socket.destroy();
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
