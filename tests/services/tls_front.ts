import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import type { AddressInfo } from "node:net";

/** Speaks TLS on a port of its own, and passes on to a service that does not. */
export async function startTlsFront(
  target: { readonly hostname: string; readonly port: number },
  identity: { readonly cert: string; readonly key: string },
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<net.Socket>();
  const server = tls.createServer(identity, (inside) => {
    const outside = net.connect(target.port, target.hostname);
    for (const [socket, other] of [[inside, outside], [outside, inside]] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  // Of clients that do not trust it.
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
