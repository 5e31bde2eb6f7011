/** What the jobs of the queue do: they call plugins. */
import { Buffer } from "node:buffer";
import { errorMessage } from "../errors.ts";
import type { ExportCounters } from "../pipeline/delivery/export_delivery.ts";
import type { PluginTarget, PluginTargets } from "../pipeline/plugin_hooks.ts";
import type { PluginRecords } from "../pipeline/plugin_records.ts";
import { isTransient, type Queryable } from "../stores/postgres/database.ts";
import { EXPORT_TASK, PLUGIN_TASK, readExportJob, readPluginJob } from "./job_payload.ts";
import type { JobTasks } from "./job_runner.ts";
import { type HistoricalExport, START_JOB, STEP_JOB } from "./historical_export.ts";
import { again, failedFor, type JobVerdict, notReady, verdictOf } from "./job_verdict.ts";
import { type JobPolicies, type RetryPolicy, waitSeconds } from "./job_settings.ts";

export interface PluginJobsParts {
  readonly targets: PluginTargets;
  /** That of the plugin configs. */
  readonly database: Queryable;
  readonly history: HistoricalExport;
  readonly counters: ExportCounters;
  /** What plugins said in a job is durable before it counts as done. */
  readonly records?: PluginRecords;
}

export class PluginJobs {
  readonly #targets: PluginTargets;
  readonly #database: Queryable;
  readonly #policies: JobPolicies;
  readonly #history: HistoricalExport;
  readonly #counters: ExportCounters;
  readonly #records: PluginRecords | undefined;

  constructor(parts: PluginJobsParts, policies: JobPolicies) {
    this.#targets = parts.targets;
    this.#database = parts.database;
    this.#history = parts.history;
    this.#counters = parts.counters;
    this.#records = parts.records;
    this.#policies = policies;
  }

  /** Those of plugins themselves, or batches of events. */
  tasks(kind: "plugin" | "export"): JobTasks {
    return kind === "plugin"
      ? { [PLUGIN_TASK]: (...job) => this.#recorded(this.run(...job)) }
      : { [EXPORT_TASK]: (...job) => this.#recorded(this.export(...job)) };
  }

  async #recorded(running: Promise<JobVerdict>): Promise<JobVerdict> {
    const verdict = await running;
    // What was said still waits for a store that is away; to run the job again for that is too much.
    await this.#records?.settled().catch(() => {});
    return verdict;
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
      if (name === START_JOB || name === STEP_JOB) {
        if (target.hooks === null) {
          target.load();
          return notReady("the plugin is being loaded");
        }
        if (target.hooks.exportEvents) {
          return name === START_JOB
            ? await this.#history.start(target, payload, attempt)
            : await this.#history.step(target, payload, attempt);
        }
      }
      const texts = payload === undefined || payload === null
        ? []
        : [Buffer.from(JSON.stringify(payload))];
      const outcome = await target.call("job", texts, name);
      return verdictOf(outcome, this.#policies.plugin, attempt);
    } catch (error) {
      return brokenBy(error, this.#policies.plugin, attempt);
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
      if (!target.hooks.exportEvents) return failedFor("the plugin has no exportEvents any more");
      const outcome = await target.call("exportEvents", texts);
      const { export: policy } = this.#policies;
      const verdict = verdictOf(outcome, policy, attempt + 1);
      const count = (name: Parameters<ExportCounters["count"]>[1]) =>
        this.#counters.count(configId, name, texts.length);
      if (verdict.isDone) count("events_delivered_successfully");
      else if (verdict.isCounted) count(verdict.isDead ? "other_errors" : "retry_errors");
      if (!verdict.isDone && verdict.isCounted && !verdict.isDead && attempt >= policy.attempts) {
        count("undelivered_events");
        target.say(
          "ERROR",
          `${texts.length} events were not exported in ${policy.attempts} more tries and are kept ` +
            `for 'paddock jobs retry': ${verdict.reason}`,
        );
      }
      return verdict;
    } catch (error) {
      return failedFor(errorMessage(error));
    }
  }

  /** The config's plugin, or what becomes of a job whose plugin is not there. */
  async #target(configId: number, teamId: number): Promise<PluginTarget | JobVerdict> {
    const target = this.#targets.get(configId);
    if (target !== null && target.teamId === teamId) return target;
    if (target !== null) return failedFor(`plugin config ${configId} is not of team ${teamId}`);
    try {
      // This server may not have heard yet of a plugin that was just enabled.
      const rows = await this.#database.query<{ enabled: boolean }>(
        "SELECT enabled FROM posthog_pluginconfig WHERE id = $1",
        [configId],
      );
      return rows[0]?.enabled
        ? notReady(`plugin config ${configId} is not loaded here`)
        : failedFor(`plugin config ${configId} is not enabled`);
    } catch (error) {
      return notReady(errorMessage(error));
    }
  }
}

/** A store that is away is no fault of the job's. */
function brokenBy(error: unknown, policy: RetryPolicy, attempt: number): JobVerdict {
  return isTransient(error)
    ? again(errorMessage(error), waitSeconds(policy, attempt))
    : failedFor(errorMessage(error));
}
