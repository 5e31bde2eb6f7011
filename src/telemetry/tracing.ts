/**
 * Traces, through OpenTelemetry's interface: Deno sends them on where OTEL_DENO says so, and where it
 * does not, nothing of this does anything. A batch is one trace, with what its plugins did and the
 * writes that made it durable; what plugins do later or by themselves are traces of their own. Never a
 * span per event.
 *
 * Deno hands every span to another thread when it ends. So what was done for a batch is kept, summed
 * up by plugin, and becomes spans all at once when the batch ends.
 */
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Link,
  ROOT_CONTEXT,
  type Span,
  trace,
} from "@opentelemetry/api";

const TRACER = "paddock";
const BATCH = createContextKey("paddock batch");
/** Of one span: a write may be for many batches. */
const MAX_LINKS = 20;

/** A batch on its way. */
export interface BatchTrace {
  /** Runs what belongs to the batch; all that it awaits belongs to it as well. */
  run<T>(work: () => T): T;
  /** All of it is durable. */
  end(): void;
}

/** Something that was done, and ended now. */
export interface Done {
  readonly name: string;
  readonly attributes: Attributes;
  /** Of the monotonic clock. */
  readonly began: number;
}

/** A plugin's work, which may be done for a batch in several goes. */
export interface Run extends Done {
  readonly configId: number;
  readonly events: number;
  readonly failed: number;
  readonly waitMs: number;
}

interface Ended<Work extends Done = Done> {
  work: Work;
  ended: number;
  readonly links: readonly Link[];
}

class BatchSpans implements BatchTrace {
  readonly span: Span;
  readonly inside: Context;
  /** Where not, nothing that is done for it is either. */
  readonly isRecording: boolean;
  #isEnded = false;
  readonly #done: Ended[] = [];
  readonly #runs = new Map<string, Ended<Run>>();

  constructor(span: Span) {
    this.span = span;
    this.isRecording = span.isRecording();
    this.inside = trace.setSpan(context.active(), span).setValue(BATCH, this);
  }

  run<T>(work: () => T): T {
    return context.with(this.inside, work);
  }

  add(done: Ended): void {
    if (this.#isEnded) send(done, this.inside);
    else this.#done.push(done);
  }

  addRun(run: Run, ended: number): void {
    // Late, as that of a plugin which was not waited for any longer.
    if (this.#isEnded) return send({ work: spanOfRun(run), ended, links: [] }, this.inside);
    const key = `${run.name} ${run.configId}`;
    const known = this.#runs.get(key);
    if (known === undefined) {
      this.#runs.set(key, { work: run, ended, links: [] });
      return;
    }
    const { work } = known;
    known.ended = ended;
    known.work = {
      ...work,
      began: Math.min(work.began, run.began),
      events: work.events + run.events,
      failed: work.failed + run.failed,
      waitMs: Math.max(work.waitMs, run.waitMs),
    };
  }

  end(): void {
    const ended = performance.now();
    this.#isEnded = true;
    for (const run of this.#runs.values()) {
      send({ ...run, work: spanOfRun(run.work) }, this.inside);
    }
    for (const done of this.#done) send(done, this.inside);
    this.span.end(wallClock(ended));
  }
}

export function traceBatch(source: string, events: number): BatchTrace {
  const span = trace.getTracer(TRACER).startSpan("batch", {
    root: true,
    startTime: wallClock(performance.now()),
    attributes: { "paddock.source": source, "paddock.events": events },
  });
  return new BatchSpans(span);
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
 * @param places where it was asked for; it is in the trace of the first and linked to the others
 */
export function traceDone(done: Done, places: readonly TracePlace[]): void {
  const ended = performance.now();
  const batches = [...new Set(places.map(batchOf))].filter((batch) => batch?.isRecording);
  const [batch, ...others] = batches;
  const links = others.slice(0, MAX_LINKS).flatMap((other) =>
    other === undefined ? [] : [{ context: other.span.spanContext() }]
  );
  batch?.add({ work: done, ended, links });
}

/** What a plugin did; where that was for no batch, it is a trace of its own. */
export function traceRun(run: Run, place: TracePlace): void {
  const ended = performance.now();
  const batch = batchOf(place);
  if (batch === undefined) send({ work: spanOfRun(run), ended, links: [] }, place);
  else if (batch.isRecording) batch.addRun(run, ended);
}

function batchOf(place: TracePlace): BatchSpans | undefined {
  const batch = place.getValue(BATCH);
  return batch instanceof BatchSpans ? batch : undefined;
}

function spanOfRun({ name, began, attributes, configId, events, failed, waitMs }: Run): Done {
  return {
    name,
    began,
    attributes: {
      ...attributes,
      "paddock.config": configId,
      "paddock.events": events,
      "paddock.failed": failed,
      "paddock.wait_ms": Math.round(waitMs),
    },
  };
}

function send({ work: { name, attributes, began }, ended, links }: Ended, parent: Context): void {
  trace.getTracer(TRACER)
    .startSpan(name, { attributes, startTime: wallClock(began), links: [...links] }, parent)
    .end(wallClock(ended));
}

/** What OpenTelemetry counts by. @param at of the monotonic clock */
function wallClock(at: number): number {
  return performance.timeOrigin + at;
}
