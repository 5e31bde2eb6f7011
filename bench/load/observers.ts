/** Everything that may look at a server, on loopback: StatsD, Sentry, traces, and a scrape a second. */
import { freePort } from "../../tests/services/free_port.ts";
import { startHttpSink } from "../../tests/telemetry/http_sink.ts";
import { startStatsDSink } from "../../tests/telemetry/statsd_sink.ts";

export interface ObservedServer extends AsyncDisposable {
  /** Settings with which a server is observed. */
  readonly env: Record<string, string>;
}

export async function startObservers(): Promise<ObservedServer> {
  const statsd = await startStatsDSink();
  const http = startHttpSink();
  const port = freePort();
  const scrapes = setInterval(() => {
    fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text()).catch(() => {});
  }, 1_000);
  return {
    env: {
      HTTP_PORT: String(port),
      STATSD_HOST: "127.0.0.1",
      STATSD_PORT: String(statsd.port),
      SENTRY_DSN: `http://public@127.0.0.1:${http.port}/1`,
      CAPTURE_INTERNAL_METRICS: "1",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${http.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    },
    async [Symbol.asyncDispose]() {
      clearInterval(scrapes);
      await http[Symbol.asyncDispose]();
      await statsd[Symbol.asyncDispose]();
    },
  };
}
