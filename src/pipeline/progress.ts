/** Whether events move: what a part says of itself is not enough, as one that hangs says nothing. */
import type { Consumer } from "./consumer.ts";
import type { Pipeline } from "./pipeline.ts";

/** A take waits five seconds at most, so a source that is silent for longer than this hangs. */
const SILENT_MS = 30_000;
/** A full pipeline from which not one event went for so long hangs. */
const STUCK_MS = 60_000;

/** Why nothing is taken from the consumer's source, or null. */
export function consumerTrouble(consumer: Consumer, pipeline: Pipeline): string | null {
  if (consumer.unavailable !== null) return consumer.unavailable;
  // A full pipeline makes a source wait, which is not its fault.
  const isSilent = consumer.silentForMs > SILENT_MS && pipeline.room.items > 0;
  return isSilent ? `has not answered for ${seconds(consumer.silentForMs)} s` : null;
}

/** Why what was taken does not move on, or null. */
export function pipelineTrouble(pipeline: Pipeline): string | null {
  const { events } = pipeline.inFlight;
  const { idleMs } = pipeline;
  if (events === 0 || idleMs < STUCK_MS) return null;
  return `${events} events are in flight and none came to its end for ${seconds(idleMs)} s`;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
