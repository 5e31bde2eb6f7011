/** What the jobs of the queue do: they call plugins. */
import { Buffer } from "node:buffer";
import { errorMessage } from "../errors.ts";
import type { HookOutcome, PluginTarget, PluginTargets } from "../pipeline/plugin_hooks.ts";
import type { Queryable } from "../stores/postgres/database.ts";
import { readExportJob, readPluginJob } from "./job_payload.ts";
import { type JobPolicies, type RetryPolicy, waitSeconds } from "./job_settings.ts";

/** What becomes of a job that was run. */
export type JobVerdict =
  | { readonly isDone: true }
  | {
    readonly isDone: false;
    readonly reason: string;
    readonly waitSeconds: number;
    /** Whether it was a try. */
    readonly isCounted: boolean;
    /** Only an operator tries it again. */
    readonly isDead: boolean;
  };

const DONE: JobVerdict = { isDone: true };

/** A plugin that is not there now, or not ready, is looked for again after so long. */
const NOT_READY_SECONDS = 2;

export class PluginJobs {
  readonly #targets: PluginTargets;
  readonly #database: Queryable;
  readonly #policies: JobPolicies;

  /** @param database that of the plugin configs */
  constructor(targets: PluginTargets, database: Queryable, policies: JobPolicies) {
    this.#targets = targets;
    this.#database = database;
    this.#policies = policies;
  }

  /**
   * Runs a plugin's own job, given its row's payload. Never rejects.
   * @param attempt which try it is, counted from one
   */
  async run(stored: unknown, attempt: number): Promise<JobVerdict> {
    try {
      const { configId, teamId, name, payload } = readPluginJob(stored);
      const target = await this.#target(configId, teamId);
      if (!("call" in target)) return target;
      const texts = payload === undefined || payload === null
        ? []
        : [Buffer.from(JSON.stringify(payload))];
      const outcome = await target.call("job", texts, name);
      return this.#verdict(outcome, this.#policies.plugin, attempt);
    } catch (error) {
      return dead(errorMessage(error));
    }
  }

  /**
   * Exports a batch once more. Never rejects.
   * @param attempt which try of the job it is, counted from one; the first of all was none of a job
   */
  async export(stored: unknown, attempt: number): Promise<JobVerdict> {
    try {
      const { configId, teamId, texts } = await readExportJob(stored);
      const target = await this.#target(configId, teamId);
      if (!("call" in target)) return target;
      if (target.hooks === null) {
        target.load();
        return notReady("the plugin is being loaded");
      }
      if (!target.hooks.exportEvents) return dead("the plugin has no exportEvents any more");
      const outcome = await target.call("exportEvents", texts);
      const { export: policy } = this.#policies;
      const verdict = this.#verdict(outcome, policy, attempt + 1);
      if (!verdict.isDone && verdict.isCounted && attempt >= policy.attempts) {
        target.say(
          "ERROR",
          `${texts.length} events were not exported in ${policy.attempts} more tries and are kept ` +
            `for 'paddock jobs retry': ${verdict.reason}`,
        );
      }
      return verdict;
    } catch (error) {
      return dead(errorMessage(error));
    }
  }

  /** The config's plugin, or what becomes of a job whose plugin is not there. */
  async #target(configId: number, teamId: number): Promise<PluginTarget | JobVerdict> {
    const target = this.#targets.get(configId);
    if (target !== null && target.teamId === teamId) return target;
    if (target !== null) return dead(`plugin config ${configId} is not of team ${teamId}`);
    try {
      // This server may not have heard yet of a plugin that was just enabled.
      const rows = await this.#database.query<{ enabled: boolean }>(
        "SELECT enabled FROM posthog_pluginconfig WHERE id = $1",
        [configId],
      );
      return rows[0]?.enabled
        ? notReady(`plugin config ${configId} is not loaded here`)
        : dead(`plugin config ${configId} is not enabled`);
    } catch (error) {
      return notReady(errorMessage(error));
    }
  }

  #verdict(outcome: HookOutcome, policy: RetryPolicy, waits: number): JobVerdict {
    switch (outcome.status) {
      case "done":
        return DONE;
      case "unavailable":
        return notReady(outcome.reason);
      case "crashed":
        return again(outcome.reason, waitSeconds(policy, waits));
      case "failed":
        return outcome.isRetryable
          ? again(outcome.error.message, waitSeconds(policy, waits))
          : dead(outcome.error.message);
    }
  }
}

function again(reason: string, seconds: number): JobVerdict {
  return { isDone: false, reason, waitSeconds: seconds, isCounted: true, isDead: false };
}

function notReady(reason: string): JobVerdict {
  return {
    isDone: false,
    reason,
    waitSeconds: NOT_READY_SECONDS,
    isCounted: false,
    isDead: false,
  };
}

function dead(reason: string): JobVerdict {
  return { isDone: false, reason, waitSeconds: 0, isCounted: true, isDead: true };
}
