/** A StatsD that keeps what it is sent, on UDP. */
import { createSocket } from "node:dgram";
import { once } from "node:events";

export interface StatsDSink extends AsyncDisposable {
  readonly port: number;
  /** Lines so far. */
  lines(): string[];
}

export async function startStatsDSink(): Promise<StatsDSink> {
  const socket = createSocket("udp4");
  const lines: string[] = [];
  socket.on("message", (bytes) => {
    lines.push(...new TextDecoder().decode(bytes).split("\n").filter(Boolean));
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    port: socket.address().port,
    lines: () => lines,
    async [Symbol.asyncDispose]() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}
