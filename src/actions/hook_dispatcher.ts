/**
 * Makes jobs of matches that were stored with their events: one for each request to a webhook or a
 * REST hook. Nothing here holds up the pipeline.
 */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { PluginEvent } from "../events/types.ts";
import type { NewHookJob } from "../jobs/new_job.ts";
import { Backoff } from "../pipeline/backoff.ts";
import { Wakeups } from "../pipeline/wakeups.ts";
import { type HookPerson, type MessageAction, restHookBody, webhookBody } from "./hook_message.ts";

/** An event that matched actions with hooks, as it was kept. */
export interface HookedMatch {
  readonly event: PluginEvent;
  readonly person: HookPerson | null;
  readonly actionIds: readonly number[];
}

/** A row of `ee_hook`. */
export interface RestHook {
  readonly id: string;
  readonly event: string;
  readonly target: string;
  readonly actionId: number;
  readonly teamId: number;
}

/** Who is to be told now, read with the matches: another server may have matched them. */
export interface HookTargets {
  /** Those that go to their team's webhook, by id. */
  readonly actions: ReadonlyMap<number, MessageAction>;
  /** Team → the address of its webhook. */
  readonly webhooks: ReadonlyMap<number, string>;
  readonly restHooks: readonly RestHook[];
}

/** The matches that were kept. */
export interface KeptMatches {
  /**
   * Takes some, makes jobs of them, and forgets them once the jobs are durable. Resolves with whether
   * there were any.
   */
  take(
    jobsOf: (matches: readonly HookedMatch[], targets: HookTargets) => NewHookJob[],
  ): Promise<boolean>;
}

export interface HookDispatcherOptions {
  /** For links in messages about events that name none. */
  readonly siteUrl: string | null;
  /** How often each request is tried. */
  readonly attempts: number;
}

const POLL_MS = 1_000;

export class HookDispatcher {
  readonly #kept: KeptMatches;
  readonly #options: HookDispatcherOptions;
  readonly #stop = new AbortController();
  readonly #news = new Wakeups();
  readonly #log = getLogger(["paddock", "actions"]);
  #running: Promise<void> | null = null;

  constructor(kept: KeptMatches, options: HookDispatcherOptions) {
    this.#kept = kept;
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Matches were stored: looks at once. */
  notify(): void {
    this.#news.wake();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(100, 10_000);
    while (!signal.aborted) {
      try {
        const hadSome = await this.#kept.take((matches, targets) => this.#jobs(matches, targets));
        backoff.succeeded();
        if (!hadSome) {
          await this.#news.wait(AbortSignal.any([signal, AbortSignal.timeout(POLL_MS)]));
        }
      } catch (error) {
        if (backoff.failures === 0) this.#log.warn`hooks wait: ${errorMessage(error)}`;
        await backoff.failed(signal);
      }
    }
  }

  #jobs(
    matches: readonly HookedMatch[],
    { actions, webhooks, restHooks }: HookTargets,
  ): NewHookJob[] {
    const { siteUrl: ownSiteUrl, attempts } = this.#options;
    const jobs: NewHookJob[] = [];
    for (const { event, person, actionIds } of matches) {
      const teamId = event.team_id;
      for (const actionId of actionIds) {
        const common = { kind: "hook" as const, teamId, actionId, attempts };
        const action = actions.get(actionId);
        const webhook = webhooks.get(teamId);
        if (action !== undefined && webhook !== undefined) {
          const siteUrl = event.site_url ?? ownSiteUrl;
          const body = webhookBody(webhook, { action, event, person, siteUrl });
          jobs.push({ ...common, name: "webhook", target: webhook, hookId: null, body });
        }
        for (const hook of restHooks) {
          if (hook.actionId !== actionId || hook.teamId !== teamId) continue;
          const { id, event: hookEvent, target } = hook;
          const body = restHookBody({ id, event: hookEvent, target }, event, person);
          jobs.push({ ...common, name: "REST hook", target, hookId: id, body });
        }
      }
    }
    return jobs;
  }
}
