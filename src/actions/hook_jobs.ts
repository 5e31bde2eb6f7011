/** What the jobs of webhooks and REST hooks do: one request each. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import { readHookJob, type StoredHookJob } from "../jobs/job_payload.ts";
import { type RetryPolicy, waitSeconds } from "../jobs/job_settings.ts";
import { again, DONE, failedFor, type JobVerdict, notReady } from "../jobs/job_verdict.ts";
import { NOBODY, type Observer } from "../telemetry/observer.ts";
import type { HookAnswer, HookClient } from "./hook_client.ts";
import { ReceiverLoads } from "./receiver_loads.ts";

/** Where REST hooks are kept. */
export interface RestHookRemoval {
  remove(hookId: string): Promise<void>;
}

/** What a receiver answers that is not there any more. */
const GONE = 410;

export class HookJobs {
  readonly #client: HookClient;
  readonly #hooks: RestHookRemoval;
  readonly #policy: RetryPolicy;
  readonly #loads: ReceiverLoads;
  readonly #observer: Observer;
  readonly #log = getLogger(["paddock", "actions"]);

  /** @param concurrency requests that are made at a time; a slow receiver gets a quarter of them */
  constructor(
    client: HookClient,
    hooks: RestHookRemoval,
    policy: RetryPolicy,
    concurrency: number,
    observer: Observer = NOBODY,
  ) {
    this.#client = client;
    this.#hooks = hooks;
    this.#policy = policy;
    this.#observer = observer;
    this.#loads = new ReceiverLoads(Math.max(1, Math.floor(concurrency / 4)));
  }

  /**
   * Runs a job, given its row's payload. Never rejects.
   * @param attempt which try it is, counted from one
   */
  async run(stored: unknown, attempt: number): Promise<JobVerdict> {
    let job: StoredHookJob;
    try {
      job = readHookJob(stored);
    } catch (error) {
      return failedFor(errorMessage(error));
    }
    const answer = await this.#loads.take(
      hostOf(job.target),
      () => {
        this.#observer.hookFired(job.hookId === null ? "webhook" : "REST hook");
        return this.#client.post(job.target, job.body);
      },
      isHealthy,
    );
    if (answer === null) return notReady("its receiver is slow, and busy with others");
    if (answer.kind === "refused") return this.#drop(job, answer.reason);
    if (answer.kind === "failed") return this.#retry(job, answer.reason, attempt);
    const { status } = answer;
    if (status >= 200 && status < 300) return DONE;
    if (status === GONE && job.hookId !== null) return await this.#remove(job.hookId, attempt);
    const reason = `it answered ${status}`;
    return isTemporary(status) ? this.#retry(job, reason, attempt) : this.#drop(job, reason);
  }

  /** It is as the receiver wants it; a job would not be kept for anybody. */
  #drop(job: StoredHookJob, reason: string): JobVerdict {
    this.#log.with({ team: job.teamId, action: job.actionId })
      .warn`${named(job)} was not told: ${reason}`;
    return DONE;
  }

  #retry(job: StoredHookJob, reason: string, attempt: number): JobVerdict {
    if (attempt >= this.#policy.attempts) {
      this.#log.with({ team: job.teamId, action: job.actionId }).warn`${
        named(job)
      } was not told in ${attempt} tries, the job is kept for 'paddock jobs retry': ${reason}`;
    }
    return again(reason, waitSeconds(this.#policy, attempt));
  }

  async #remove(hookId: string, attempt: number): Promise<JobVerdict> {
    try {
      await this.#hooks.remove(hookId);
      this.#log.info`REST hook ${hookId} is gone and was removed, as its receiver asked`;
      return DONE;
    } catch (error) {
      return again(errorMessage(error), waitSeconds(this.#policy, attempt));
    }
  }
}

function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function isHealthy(answer: HookAnswer): boolean {
  return answer.kind === "refused" || answer.kind === "answered" && !isTemporary(answer.status);
}

/** Without its path, which may hold a secret. */
function named({ name, teamId, actionId, target }: StoredHookJob): string {
  return `the ${name} of action ${actionId}, team ${teamId}, at ${hostOf(target)}`;
}

function hostOf(target: string): string {
  return URL.canParse(target) ? new URL(target).host : "an address that is none";
}
