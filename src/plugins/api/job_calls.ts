/** Jobs that plugins ask for. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage, PaddockError } from "../../errors.ts";
import type { JobSink, NewPluginJob } from "../../jobs/new_job.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

const MAX_NAME = 200;
/** Of a payload's JSON text. */
const MAX_PAYLOAD = 1_000_000;
/** A job later than this is refused: no calendar of Postgres's has such a day for long. */
const LATEST = Date.UTC(9999, 0);

const DONE: PluginCallResult = { ok: true, value: null };

export class JobCalls implements PluginApi {
  readonly #queue: JobSink | null;
  readonly #log = getLogger(["paddock", "jobs"]);

  /** @param queue null where no queue is configured: every job is refused then */
  constructor(queue: JobSink | null) {
    this.#queue = queue;
  }

  /**
   * Safe to offer because a job can only ever be run by the very config that asks for it: config and
   * team are those of the process that calls, whatever the arguments say. All of a frame's jobs are
   * enqueued in one statement.
   */
  async call(
    configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    const read = calls.map((call) => {
      try {
        return newJob(configs, call);
      } catch (error) {
        return refused(errorMessage(error));
      }
    });
    const jobs = read.flatMap((each) => "ok" in each ? [] : [each]);
    try {
      if (jobs.length > 0) {
        if (this.#queue === null) throw new Error("No JobQueue available");
        await this.#queue.enqueue(jobs);
      }
      return read.map((each) => "ok" in each ? each : DONE);
    } catch (error) {
      if (error instanceof PaddockError && error.kind === "data") {
        return read.map((each) => "ok" in each ? each : refused(error.message));
      }
      aboutSeveral(this.#log, jobs)
        .warn`${jobs.length} jobs of plugins were not enqueued: ${errorMessage(error)}`;
      return read.map((each) => "ok" in each ? each : refused("No JobQueue available"));
    }
  }
}

/** What a plugin's worker sent, which need not be what our code in it would send. */
function newJob(
  configs: ReadonlyMap<number, PluginConfig>,
  { pluginConfigId, args }: PluginCall,
): NewPluginJob {
  const config = configs.get(pluginConfigId);
  if (config === undefined) throw new Error("not a config of this plugin");
  const [name, payload, due] = args;
  if (typeof name !== "string" || name.length > MAX_NAME || name === "__proto__") {
    throw new Error("a job cannot be named so");
  }
  const text = payload === undefined || payload === null ? null : JSON.stringify(payload);
  if (text !== null && text.length > MAX_PAYLOAD) {
    throw new Error(`a job's payload has ${text.length} characters; ${MAX_PAYLOAD} are allowed`);
  }
  const { at, in: delay } = (due ?? {}) as { at?: unknown; in?: unknown };
  for (const value of [at, delay]) {
    const isMoment = typeof value === "number" && Number.isFinite(value) &&
      Math.abs(value) < LATEST;
    if (value !== undefined && !isMoment) throw new Error("a job's date is out of range");
  }
  return {
    kind: "plugin",
    teamId: config.teamId,
    configId: config.id,
    name,
    payload: text,
    ...(typeof at === "number" ? { dueAtMs: at } : {}),
    ...(typeof delay === "number" ? { dueInMs: delay } : {}),
  };
}

function refused(error: string): PluginCallResult {
  return { ok: false, error };
}
