import type { ExportRetries } from "../pipeline/delivery/export_delivery.ts";
import type { PluginTarget } from "../pipeline/plugin_hooks.ts";
import { type JobPolicies, waitSeconds } from "./job_settings.ts";
import type { JobSink } from "./new_job.ts";

/** Keeps batches that were not exported in the job queue, so that later ones need not wait. */
export class QueuedExports implements ExportRetries {
  readonly #queue: JobSink;
  readonly #policies: JobPolicies;

  constructor(queue: JobSink, policies: JobPolicies) {
    this.#queue = queue;
    this.#policies = policies;
  }

  async retryLater(
    target: PluginTarget,
    texts: readonly Uint8Array[],
    reason: string,
  ): Promise<void> {
    const { configId, teamId } = target;
    const seconds = waitSeconds(this.#policies.export, 1);
    await this.#queue.enqueue([
      { kind: "export", configId, teamId, texts, reason, isDead: false, dueInMs: seconds * 1000 },
    ]);
    target.say("WARN", `${texts.length} events are exported again in ${seconds} s: ${reason}`);
  }

  async giveUp(target: PluginTarget, texts: readonly Uint8Array[], reason: string): Promise<void> {
    const { configId, teamId } = target;
    await this.#queue.enqueue([{ kind: "export", configId, teamId, texts, reason, isDead: true }]);
    target.say(
      "ERROR",
      `${texts.length} events were not exported and are kept for 'paddock jobs retry': ${reason}`,
    );
  }
}
