/** Spans as OTLP has them in JSON. */
import type { HttpSink } from "./http_sink.ts";

export interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly links?: { readonly spanId: string }[];
}

/** What a program has to have in its environment to send its spans to a sink, and soon. */
export function otlpSettings(sink: HttpSink): Record<string, string> {
  return {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  };
}

/** All spans that a sink was sent so far. */
export function spansOf(sink: HttpSink): OtlpSpan[] {
  return sink.received.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) =>
    JSON.parse(body).resourceSpans.flatMap((resource: { scopeSpans: { spans: OtlpSpan[] }[] }) =>
      resource.scopeSpans.flatMap((scope) => scope.spans)
    )
  );
}

/** One of our attributes. */
export function attributeOf({ attributes }: OtlpSpan, name: string): unknown {
  return Object.values(attributes.find(({ key }) => key === `paddock.${name}`)?.value ?? {})[0];
}
