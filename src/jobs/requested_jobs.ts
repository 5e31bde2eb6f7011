/** Jobs that people start in PostHog's application, on their way into the queue. */
import { PaddockError } from "../errors.ts";
import type { JobIntake } from "../pipeline/job_intake.ts";
import type { PluginJob } from "../sources/source.ts";
import type { Queryable } from "../stores/postgres/database.ts";
import type { ConfigJob, JobSink } from "./new_job.ts";

const MAX_NAME = 200;
/** Of a payload's JSON text. */
const MAX_PAYLOAD = 1_000_000;

export class RequestedJobs implements JobIntake {
  readonly #database: Queryable;
  readonly #queue: JobSink;

  /** @param database that of the plugin configs */
  constructor(database: Queryable, queue: JobSink) {
    this.#database = database;
    this.#queue = queue;
  }

  async enqueue(requests: readonly PluginJob[]): Promise<(PaddockError | null)[]> {
    if (requests.length === 0) return [];
    const rows = await this.#database.query<{ id: number; teamId: number }>(
      `SELECT id, team_id AS "teamId" FROM posthog_pluginconfig WHERE id = ANY ($1::int[])`,
      [requests.map(({ pluginConfigId }) => pluginConfigId).filter(isId)],
    );
    const teams = new Map(rows.map(({ id, teamId }) => [id, teamId]));
    const jobs: ConfigJob[] = [];
    const refusals = requests.map((request) => {
      const refusal = refusalOf(request, teams);
      if (refusal !== null) return new PaddockError("PDK_JOB_INVALID", refusal);
      const { teamId, pluginConfigId: configId, type: name } = request;
      jobs.push({ kind: "plugin", teamId, configId, name, payload: payloadText(request) });
      return null;
    });
    await this.#queue.enqueue(jobs);
    return refusals;
  }
}

/** The plugin learns from it what the person wants of the job: `start`, mostly. */
function payloadText({ payload, operation }: PluginJob): string {
  return JSON.stringify({ ...payload, $operation: operation });
}

function refusalOf(request: PluginJob, teams: ReadonlyMap<number, number>): string | null {
  const { teamId, pluginConfigId, type } = request;
  const owner = teams.get(pluginConfigId);
  if (owner === undefined) return `there is no plugin config ${pluginConfigId}`;
  // Whoever may write to the queue could name any config.
  if (owner !== teamId) return `plugin config ${pluginConfigId} is not of team ${teamId}`;
  if (type === "" || type.length > MAX_NAME || type === "__proto__") {
    return `a job cannot be named '${type.slice(0, MAX_NAME)}'`;
  }
  const { length } = payloadText(request);
  return length > MAX_PAYLOAD
    ? `the payload of job '${type}' has ${length} characters; ${MAX_PAYLOAD} are allowed`
    : null;
}

function isId(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31;
}
