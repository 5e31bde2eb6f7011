/**
 * Traces, through OpenTelemetry's interface: Deno sends them on where OTEL_DENO says so, and where it
 * does not, nothing of this does anything. A batch is one trace, with what its plugins did and the
 * writes that made it durable; what plugins do later or by themselves are traces of their own. Never a
 * span per event.
 */
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  trace,
} from "@opentelemetry/api";

const TRACER = "paddock";
/** Of one span: a write may be for many batches. */
const MAX_LINKS = 20;

/** A batch on its way. */
export interface BatchTrace {
  /** Runs what belongs to the batch; all that it awaits belongs to it as well. */
  run<T>(work: () => T): T;
  /** All of it is durable. */
  end(): void;
}

export function traceBatch(source: string, events: number): BatchTrace {
  const span = trace.getTracer(TRACER).startSpan("batch", {
    root: true,
    attributes: { "paddock.source": source, "paddock.events": events },
  });
  const inside = trace.setSpan(context.active(), span);
  return {
    run: (work) => context.with(inside, work),
    end: () => span.end(),
  };
}

/** A place within a trace. */
export type TracePlace = Context;

/** Within no trace: what begins here is one of its own. */
export const NOWHERE: TracePlace = ROOT_CONTEXT;

/** Where the caller is: to be remembered by what is done later, elsewhere. */
export function here(): TracePlace {
  return context.active();
}

/** Runs what belongs to that place. */
export function at<T>(place: TracePlace, work: () => T): T {
  return context.with(place, work);
}

/**
 * Something that was done for one or several batches.
 * @param began of the monotonic clock; it ended now
 * @param parents where it was asked for; the first is its parent, the others are linked to
 */
export function traceDone(
  name: string,
  attributes: Attributes,
  began: number,
  parents: readonly TracePlace[],
): void {
  const spans = [...new Set(parents.map((each) => trace.getSpan(each)))].filter((span) =>
    span !== undefined
  );
  const [parent] = parents;
  const span: Span = trace.getTracer(TRACER).startSpan(name, {
    attributes,
    startTime: performance.timeOrigin + began,
    links: spans.slice(1, MAX_LINKS).map((each) => ({ context: each.spanContext() })),
  }, parent ?? context.active());
  span.end();
}
