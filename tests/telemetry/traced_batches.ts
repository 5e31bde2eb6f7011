/** Two batches as a pipeline traces them: run by tracing_test.ts as a program, for Deno to export. */
import {
  at,
  here,
  traceBatch,
  traceDone,
  type TracePlace,
  traceRun,
} from "../../src/telemetry/tracing.ts";

const places: TracePlace[] = [];
const batches = ["one", "other"].map((source) => traceBatch(source, 250));
for (const batch of batches) {
  await batch.run(async () => places.push(await Promise.resolve(here())));
}
const [one, other] = places as [TracePlace, TracePlace];
const run = (configId: number, events: number, waitMs: number) => ({
  name: "processEvent",
  attributes: { "paddock.plugin": `plugin ${configId}` },
  began: performance.now(),
  configId,
  events,
  failed: 1,
  waitMs,
});
for (const waitMs of [3, 9, 5]) traceRun(run(7, 100, waitMs), at(one, here));
traceRun(run(8, 50, 1), one);
traceDone({ name: "write", attributes: {}, began: performance.now() }, [one, other, one]);
for (const batch of batches) batch.end();
// Too late to be summed up, and not lost.
traceRun(run(7, 1, 0), one);
