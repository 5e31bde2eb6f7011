/** Everything that may look at a server, on loopback: StatsD, Sentry, traces, and a scrape a second. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { freePort } from "../../tests/services/free_port.ts";

/** What looks at a server; `traces` is all that Deno exports of OpenTelemetry, its metrics and log too. */
export type ObserverName = "statsd" | "sentry" | "internal" | "scrapes" | "traces";

export const OBSERVERS: readonly ObserverName[] = [
  "statsd",
  "sentry",
  "internal",
  "scrapes",
  "traces",
];

export interface ObservedServer extends AsyncDisposable {
  /** Settings with which a server is observed. */
  readonly env: Record<string, string>;
}

/** What they receive is thrown away: what that costs is paid elsewhere where it is not a bench. */
export async function startObservers(names: readonly ObserverName[]): Promise<ObservedServer> {
  await using started = new AsyncDisposableStack();
  const env: Record<string, string> = {};
  if (names.includes("statsd")) {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    started.defer(async () => {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    });
    Object.assign(env, {
      STATSD_HOST: "127.0.0.1",
      STATSD_PORT: String(socket.address().port),
    });
  }
  if (names.includes("scrapes")) {
    const port = freePort();
    const scrapes = setInterval(() => {
      fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text()).catch(() => {});
    }, 1_000);
    started.defer(() => clearInterval(scrapes));
    env.HTTP_PORT = String(port);
  }
  if (names.includes("internal")) env.CAPTURE_INTERNAL_METRICS = "1";
  const listens = names.includes("sentry") || names.includes("traces");
  const port = listens ? startSink(started) : 0;
  if (names.includes("sentry")) env.SENTRY_DSN = `http://public@127.0.0.1:${port}/1`;
  if (names.includes("traces")) {
    Object.assign(env, {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    });
  }
  const all = started.move();
  return { env, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function startSink(started: AsyncDisposableStack): number {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      await request.arrayBuffer();
      return Response.json({});
    },
  );
  started.defer(() => server.shutdown());
  return server.addr.port;
}
